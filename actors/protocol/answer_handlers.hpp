#pragma once
#include <caf/message_handler.hpp>
#include <cstdint>
#include <functional>
#include <utility>
#include <variant>

#include "actors/protocol/type_ids.hpp"
#include "runtime/messages.hpp"

namespace sb {

/// Called with the request's number and what was answered, on the thread of the actor that has the handlers.
using take_answer = std::function<void(std::uint64_t request, answer&&)>;

/// A handler for every alternative of `answer` with its requester before it: for whoever the router knows as a gateway.
template <class... Answers>
caf::message_handler answer_handlers(const take_answer& take, const std::variant<Answers...>*) {
  return caf::message_handler{
      [take](const requester& to, Answers& body) { take(to.request, answer{std::move(body)}); }...};
}
inline caf::message_handler answer_handlers(const take_answer& take) {
  return answer_handlers(take, static_cast<const answer*>(nullptr));
}

}  // namespace sb
