#include "app/audit/shard_check.hpp"

#include "runtime/address.hpp"
#include "storage/event_codec.hpp"
#include "storage/hash_chain.hpp"
#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"
#include "storage/tenant_events.hpp"

namespace sb::audit {
namespace {

/// to - from, also where forged numbers are so far apart that a signed difference would overflow.
std::uint64_t distance(std::int64_t from, std::int64_t to) {
  return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
}

/// Empty when the event is one of its entity's and can be read.
std::string unreadable(entity_kind kind, const event_record& event) {
  std::string why;
  bool good = false;
  switch (kind) {
    case entity_kind::user:
      good = decode_user_event(event, why).has_value();
      break;
    case entity_kind::organization:
      good = decode_organization_event(event, why).has_value();
      break;
    case entity_kind::book:
      good = decode_risk_event(event, why).has_value();
      break;
    case entity_kind::account:
      good = decode_account_event(event, why).has_value();
      break;
    case entity_kind::order:
      good = decode_order_event(event, why).has_value();
      break;
  }
  if (good) return {};
  return why.empty() ? "cannot be read" : why;
}

}  // namespace

std::string missing_author(const event_record& event) {
  if (event.causation.empty()) return "no cause";
  switch (event.by.who) {
    case principal::kind::system:
      return event.by.user || !event.by.credential.empty() || !event.by.auth_method.empty()
                 ? "a user or a credential, though the system is its author"
                 : "";
    case principal::kind::user:
    case principal::kind::service:
      if (event.by.organization.value <= 0) return "no organization of its author";
      if (event.by.user.value <= 0) return "no user";
      if (event.by.credential.empty()) return "no credential";
      if (event.by.auth_method.empty()) return "no authentication method";
      if (event.correlation.empty()) return "no correlation";
      return {};
  }
  return "an author of no known kind";
}

void shard_check::take(const stored_row& stored) {
  const auto& row = stored.row;
  ++rows_;
  if (!stored.defect.empty()) report(row.seq, stored.defect);
  check_place(stored);
  check_version(stored);
  check_events(row);
  last_ = {row.seq, row.epoch, row.hash};
}

void shard_check::check_place(const stored_row& stored) {
  const auto& row = stored.row;
  if (rows_ > 1 && row.seq == last_.seq) {
    report(row.seq, "is there twice");
  } else if (distance(last_.seq, row.seq) != 1) {
    report(row.seq, "follows seq " + std::to_string(last_.seq) + ": what was between them is missing");
  } else if (chain(last_.hash, row) != row.hash) {
    report(row.seq, "its hash is not that of the row and the hash before it");
  }
  if (row.epoch < last_.epoch) {
    report(row.seq, "its epoch " + std::to_string(row.epoch) + " is before " + std::to_string(last_.epoch) +
                        " of the row before");
  }
}

void shard_check::check_version(const stored_row& stored) {
  const auto& row = stored.row;
  const auto& former = stored.former;
  if (!former) {
    if (row.version != 1) {
      report(row.seq, row.stream + " begins with version " + std::to_string(row.version));
    }
    return;
  }
  if (former->events < 1 || distance(former->version, row.version) != static_cast<std::uint64_t>(former->events)) {
    report(row.seq, row.stream + " version " + std::to_string(row.version) + " does not follow version " +
                        std::to_string(former->version) + " with " + std::to_string(former->events) +
                        " events at seq " + std::to_string(former->seq));
  }
  if (former->seq >= row.seq) {
    report(row.seq,
           row.stream + " version " + std::to_string(row.version) + " was stored before the version before it");
  }
}

void shard_check::check_events(const journal_row& row) {
  const auto key = key_of(row.stream);
  if (!key) return report(row.seq, row.stream + ": no such stream can be");
  if (shard_of(*key) != shard_) report(row.seq, row.stream + " belongs to shard " + std::to_string(shard_of(*key)));
  std::string why;
  const auto events = unpack(row.body, why);
  if (!events) return report(row.seq, "its events cannot be read: " + why);
  events_ += std::ssize(*events);
  if (std::ssize(*events) != row.events) {
    report(row.seq, "says " + std::to_string(row.events) + " events and holds " + std::to_string(events->size()));
  }
  std::size_t place = 0;
  for (const auto& event : *events) {
    auto name = "event " + std::to_string(++place);
    name.append(" (").append(event.type).append(") ");
    if (const auto what = unreadable(key->kind, event); !what.empty()) report(row.seq, name + what);
    if (const auto what = missing_author(event); !what.empty()) report(row.seq, name.append("has ").append(what));
  }
}

void shard_check::finish(const stored_head& stored) {
  const auto& head = stored.head;
  if (!stored.present) return report(last_.seq, "the shard has no head");
  if (!stored.defect.empty()) return report(head.head, stored.defect);
  if (head.head > last_.seq) {
    return report(last_.seq,
                  "the shard's head is " + std::to_string(head.head) + ": the rows after this one are cut off");
  }
  if (head.head < last_.seq) {
    return report(last_.seq, "the shard's head is " + std::to_string(head.head) + ", before the last row");
  }
  if (head.head_hash != last_.hash) report(last_.seq, "the shard's head has another hash than the last row");
  if (head.epoch < last_.epoch) {
    report(last_.seq, "the shard's epoch " + std::to_string(head.epoch) + " is before " + std::to_string(last_.epoch) +
                          " of the last row");
  }
}

}  // namespace sb::audit
