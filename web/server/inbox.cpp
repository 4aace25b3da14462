#include "web/server/inbox.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "web/server/connection.hpp"

namespace sb::web::wire {

void inbox::post(std::function<void()> work) { put(letter{std::move(work), {}, {}}); }

void inbox::deliver(const std::weak_ptr<connection>& to, std::optional<http_response>&& response) {
  if (std::this_thread::get_id() != io_thread_.load(std::memory_order_relaxed))
    return put(letter{{}, to, std::move(response)});
  if (const auto open = to.lock()) open->answer(std::move(response));
}

void inbox::put(letter&& mail) {
  const std::shared_lock open{closing_};
  if (io_ == nullptr) return;
  bool first = false;
  {
    const std::scoped_lock lock{mutex_};
    letters_.push_back(std::move(mail));
    first = letters_.size() == 1;
  }
  // Not under the lock that take_all() wants: the io thread is up before this thread has gone on.
  if (first) boost::asio::post(*io_, [self = shared_from_this()] { self->take_all(); });
}

void inbox::take_all() {
  {
    const std::scoped_lock lock{mutex_};
    in_work_.swap(letters_);
  }
  for (auto& mail : in_work_) {
    if (mail.work) {
      mail.work();
    } else if (const auto open = mail.to.lock()) {
      open->answer(std::move(mail.response));
    }
  }
  in_work_.clear();
}

void inbox::close() {
  // What is dropped may hold responders, whose end comes back here: never under the lock.
  std::vector<letter> dropped;
  const std::scoped_lock both{closing_, mutex_};
  io_ = nullptr;
  io_thread_ = std::thread::id{};
  dropped.swap(letters_);
}

}  // namespace sb::web::wire
