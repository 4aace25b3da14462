#include "app/replay/http_client.hpp"

#include <curl/curl.h>

#include <charconv>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace sb::replay {
namespace {

struct free_list {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using header_list = std::unique_ptr<curl_slist, free_list>;

void add(header_list& list, const std::string& line) {
  curl_slist* longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc{};
  static_cast<void>(list.release());
  list.reset(longer);
}

std::size_t take_bytes(char* bytes, std::size_t, std::size_t count, void* into) {
  auto& body = *static_cast<std::string*>(into);
  if (body.size() + count > http_answer_bytes_max) return 0;  // libcurl then ends the transfer with an error
  body.append(bytes, count);
  return count;
}

std::optional<int> retry_after(CURL* easy) {
  curl_header* field = nullptr;
  if (curl_easy_header(easy, "Retry-After", 0, CURLH_HEADER, -1, &field) != CURLHE_OK) return std::nullopt;
  int seconds = 0;
  const std::string_view text{field->value};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < 0) return std::nullopt;
  return seconds;
}

void start_libcurl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw std::runtime_error{"libcurl does not start"};
}

}  // namespace

struct http_client::slot {
  slot() : easy{curl_easy_init()} {
    if (easy == nullptr) throw std::bad_alloc{};
  }
  ~slot() { curl_easy_cleanup(easy); }
  slot(const slot&) = delete;
  slot& operator=(const slot&) = delete;

  CURL* easy;
  header_list headers;
  http_call call;
  http_answer answer;
  take_answer done;
};

http_client::http_client(std::string base_url, std::size_t connections, std::chrono::milliseconds deadline)
    : base_url_{std::move(base_url)} {
  start_libcurl();
  if (connections == 0) throw std::runtime_error{"a client needs a connection"};
  multi_ = curl_multi_init();
  if (multi_ == nullptr) throw std::bad_alloc{};
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(connections));
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
  for (std::size_t i = 0; i < connections; ++i) {
    auto made = std::make_unique<slot>();
    CURL* easy = made->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, made.get());
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(deadline.count()));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &made->answer.body);
    free_.push_back(made.get());
    slots_.push_back(std::move(made));
  }
}

http_client::~http_client() {
  for (const auto& each : slots_) curl_multi_remove_handle(multi_, each->easy);
  slots_.clear();
  curl_multi_cleanup(multi_);
}

void http_client::send(http_call call, take_answer done) {
  if (free_.empty()) throw std::logic_error{"no free connection"};
  slot& used = *free_.back();
  free_.pop_back();
  used.call = std::move(call);
  used.done = std::move(done);
  used.answer = {};
  used.headers.reset();
  if (!used.call.token.empty()) add(used.headers, "Authorization: Bearer " + used.call.token);
  if (!used.call.body.empty()) add(used.headers, "Content-Type: application/json");
  add(used.headers, "Expect:");  // libcurl would ask before it sends a larger body, at the price of a round trip

  CURL* easy = used.easy;
  curl_easy_setopt(easy, CURLOPT_URL, (base_url_ + used.call.target).c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, used.headers.get());
  if (used.call.body.empty() && used.call.method != "POST") {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(used.call.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, used.call.body.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, used.call.method.c_str());
  if (const auto code = curl_multi_add_handle(multi_, easy); code != CURLM_OK)
    throw std::runtime_error{std::string{"libcurl: "} + curl_multi_strerror(code)};
}

void http_client::finish(slot& ended, int curl_code) {
  http_answer answer = std::move(ended.answer);
  ended.answer = {};
  curl_off_t took = 0;
  curl_easy_getinfo(ended.easy, CURLINFO_TOTAL_TIME_T, &took);
  answer.took = std::chrono::microseconds{took};
  if (curl_code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(ended.easy, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    answer.retry_after_s = retry_after(ended.easy);
  } else {
    answer.body.clear();
    answer.failure = curl_easy_strerror(static_cast<CURLcode>(curl_code));
  }
  curl_multi_remove_handle(multi_, ended.easy);
  const auto done = std::exchange(ended.done, nullptr);
  free_.push_back(&ended);
  done(std::move(answer));
}

void http_client::run(std::chrono::milliseconds at_most) {
  int running = 0;
  curl_multi_perform(multi_, &running);
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(multi_, &left);
  if (message == nullptr) {
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>(at_most.count()), nullptr);
    curl_multi_perform(multi_, &running);
    message = curl_multi_info_read(multi_, &left);
  }
  for (; message != nullptr; message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const auto code = message->data.result;
    void* owner = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
    finish(*static_cast<slot*>(owner), code);
  }
}

http_answer http_client::call(http_call call) {
  std::optional<http_answer> got;
  send(std::move(call), [&got](http_answer&& answer) { got = std::move(answer); });
  while (!got) run(std::chrono::milliseconds{1'000});
  return std::move(*got);
}

}  // namespace sb::replay
