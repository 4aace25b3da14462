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
  // Not under the lock that take_all() wants: the io thread is up before this thread has gone on.
  if (letters_.put(std::move(mail))) boost::asio::post(*io_, [self = shared_from_this()] { self->take_all(); });
}

void inbox::take_all() {
  letters_.take([](letter& mail) {
    if (mail.work) {
      mail.work();
    } else if (const auto open = mail.to.lock()) {
      open->answer(std::move(mail.response));
    }
  });
}

void inbox::close() {
  // What is dropped may hold responders, whose end comes back here: never under the lock.
  std::vector<letter> dropped;
  const std::scoped_lock closing{closing_};
  io_ = nullptr;
  io_thread_ = std::thread::id{};
  dropped = letters_.withdraw();
}

}  // namespace sb::web::wire
