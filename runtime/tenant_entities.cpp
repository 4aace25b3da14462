#include "runtime/tenant_entities.hpp"

#include <cstdlib>

#include "storage/tenant_events.hpp"

namespace sb {
namespace {

std::int64_t number_of(const entity_key& key) { return std::strtoll(key.id.c_str(), nullptr, 10); }

template <class State, class Event>
void record(State& state, const Event& fact, const envelope& head, turn& now) {
  auto event = encode(fact);
  event.by = head.by;
  event.correlation = head.correlation;
  event.causation = head.causation;
  evolve(state, fact, now.now.wall);
  now.record(std::move(event));
}

template <class Decode, class State>
bool fold(Decode decode, State& state, const event_record& event, wall_ms at, std::string& why) {
  const auto fact = decode(event, why);
  if (!fact) return false;
  evolve(state, *fact, at);
  return true;
}

/// Create if absent, answer with what is there; the two requests that all three know.
template <class Create, class Get, class Answer, class State, class MakeEvent>
void create_or_get(const delivery& in, State& state, turn& now, MakeEvent make_event) {
  if (const auto* create = std::get_if<Create>(&in.body)) {
    if (state.exists)
      return now.reply(in.head.from, rejected{rejection::already_exists, stream_of(in.head.to) + " exists"});
    record(state, make_event(*create), in.head, now);
    return now.reply(in.head.from, Answer{state});
  }
  if (std::holds_alternative<Get>(in.body) && state.exists) return now.reply(in.head.from, Answer{state});
  now.reply(in.head.from, rejected{rejection::not_found, "no such " + std::string{word(in.head.to.kind)}});
}

bool no_snapshots(std::string& why) {
  why = "this kind of entity has no snapshots";
  return false;
}

}  // namespace

bool user_entity::replay(const event_record& event, wall_ms at, std::string& why) {
  return fold(decode_user_event, state_, event, at, why);
}
bool user_entity::restore(const stored_snapshot&, std::string& why) { return no_snapshots(why); }
void user_entity::handle(const delivery& in, turn& now) {
  create_or_get<create_user, get_user, user_answer>(in, state_, now, [&](const create_user& c) {
    return user_event{user_created{{number_of(key_)}, c.roles}};
  });
}

bool organization_entity::replay(const event_record& event, wall_ms at, std::string& why) {
  return fold(decode_organization_event, state_, event, at, why);
}
bool organization_entity::restore(const stored_snapshot&, std::string& why) { return no_snapshots(why); }
void organization_entity::handle(const delivery& in, turn& now) {
  create_or_get<create_organization, get_organization, organization_answer>(
      in, state_, now, [&](const create_organization& c) {
        return organization_event{organization_created{{number_of(key_)}, c.name}};
      });
}

bool account_entity::replay(const event_record& event, wall_ms at, std::string& why) {
  return fold(decode_account_event, state_, event, at, why);
}
bool account_entity::restore(const stored_snapshot&, std::string& why) { return no_snapshots(why); }
void account_entity::handle(const delivery& in, turn& now) {
  create_or_get<open_account, get_account, account_answer>(in, state_, now, [&](const open_account& c) {
    return account_event{account_opened{{number_of(key_)}, c.name, c.broker}};
  });
}

}  // namespace sb
