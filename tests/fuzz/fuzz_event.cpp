#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "storage/event_codec.hpp"
#include "storage/order_events.hpp"
#include "storage/risk_events.hpp"
#include "storage/tenant_events.hpp"
#include "tests/fuzz/targets.hpp"

namespace sb::fuzz {
namespace {

template <class Event>
bool check_fact(const event_record& record, std::optional<Event> (*decode)(const event_record&, std::string&)) {
  std::string why;
  const auto fact = decode(record, why);
  must(fact.has_value() == why.empty(), "a refusal says why");
  if (!fact) return false;
  const auto written = encode(*fact);
  must(written.type == record.type, "a fact keeps its type");
  must(nlohmann::json::accept(written.body), "a fact is written as JSON");
  const auto again = decode(written, why);
  must(again.has_value() && *again == *fact, "a fact survives being written");
  must(encode(*again).body == written.body, "a fact has one spelling");
  return true;
}

void check_record(const event_record& record) {
  const int read_by = int{check_fact(record, decode_order_event)} + int{check_fact(record, decode_risk_event)} +
                      int{check_fact(record, decode_user_event)} + int{check_fact(record, decode_organization_event)} +
                      int{check_fact(record, decode_account_event)};
  must(read_by <= 1, "a type belongs to one kind of entity");
}

int check_row(std::string_view body) {
  std::string why;
  const auto events = unpack(body, why);
  must(events.has_value() == why.empty(), "a refusal says why");
  if (!events) return 0;
  must(!events->empty(), "a row has events");
  must(pack(*events) == body, "a row is written as it was read");
  for (const auto& record : *events) {
    must(nlohmann::json::accept(record.body) && record.body.starts_with('{'), "a body is an object");
    check_record(record);
  }
  return 1;
}

int check_snapshot(std::string_view text) {
  // We write no NUL: where a foreign text has one, two names could become one in our spelling.
  if (text.find("\\u0000") != std::string_view::npos) return 0;
  std::string why;
  const auto book = decode_snapshot(text, why);
  must(book.has_value() == why.empty(), "a refusal says why");
  if (!book) return 0;
  const auto written = encode_snapshot(*book);
  const auto again = decode_snapshot(written, why);
  must(again.has_value() && *again == *book, "a book survives being written");
  must(encode_snapshot(*again) == written, "a book has one spelling");
  return 1;
}

}  // namespace

int fuzz_event(bytes input) {
  const auto text = text_of(input);
  return text.starts_with('{') ? check_snapshot(text) : check_row(text);
}

}  // namespace sb::fuzz
