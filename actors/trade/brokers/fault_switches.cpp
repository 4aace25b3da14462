#include "actors/trade/brokers/fault_switches.hpp"

#include <array>
#include <utility>

namespace sb {
namespace {

constexpr std::int32_t ppm_max = 1'000'000;
constexpr std::int64_t next_max = 1'000'000'000;

constexpr std::array<std::pair<paper_fault, std::string_view>, 7> fault_words{{
    {paper_fault::reject, "reject"},
    {paper_fault::slow, "slow"},
    {paper_fault::accept_then_hang, "accept_then_hang"},
    {paper_fault::drop_before_accept, "drop_before_accept"},
    {paper_fault::late_accept, "late_accept"},
    {paper_fault::late_reject, "late_reject"},
    {paper_fault::duplicate_fill, "duplicate_fill"},
}};
constexpr std::array<std::pair<broker_operation, std::string_view>, 3> operation_words{{
    {broker_operation::place, "place"},
    {broker_operation::cancel, "cancel"},
    {broker_operation::read, "read"},
}};

template <class Table>
std::string_view word_in(const Table& table, decltype(Table::value_type::first) value) {
  for (const auto& [known, text] : table) {
    if (known == value) return text;
  }
  return {};
}
template <class Table>
std::optional<decltype(Table::value_type::first)> value_in(const Table& table, std::string_view text) {
  for (const auto& [known, known_text] : table) {
    if (known_text == text) return known;
  }
  return std::nullopt;
}

bool exists_for(paper_fault fault, broker_operation on) {
  switch (fault) {
    case paper_fault::reject:
    case paper_fault::slow:
    case paper_fault::accept_then_hang:
    case paper_fault::drop_before_accept:
      return true;
    case paper_fault::late_accept:
      return on != broker_operation::read;  // a read that is late and unanswered is a drop
    case paper_fault::late_reject:
    case paper_fault::duplicate_fill:
      return on == broker_operation::place;
  }
  return false;
}

}  // namespace

std::string_view word(paper_fault fault) { return word_in(fault_words, fault); }
std::string_view word(broker_operation operation) { return word_in(operation_words, operation); }
std::optional<paper_fault> paper_fault_from(std::string_view text) { return value_in(fault_words, text); }
std::optional<broker_operation> broker_operation_from(std::string_view text) { return value_in(operation_words, text); }

bool fault_switches::set(const fault_rule& rule) {
  if (rule.probability_ppm < 0 || rule.probability_ppm > ppm_max) return false;
  if (rule.next < 0 || rule.next > next_max) return false;
  if (rule.delay_ms < 0 || rule.delay_ms > delay_ms_max) return false;
  if (!exists_for(rule.fault, rule.on)) return false;
  const rule_key key{rule.fault, rule.on, rule.account};
  if (rule.probability_ppm == 0 && rule.next == 0) {
    rules_.erase(key);
    return true;
  }
  if (rules_.size() >= rules_max && !rules_.contains(key)) return false;
  rules_.insert_or_assign(key, rule);
  return true;
}

void fault_switches::clear(account_id account) {
  if (!account) return rules_.clear();
  std::erase_if(rules_, [account](const auto& entry) { return std::get<account_id>(entry.first) == account; });
}

std::vector<fault_rule> fault_switches::rules() const {
  std::vector<fault_rule> all;
  all.reserve(rules_.size());
  for (const auto& [key, rule] : rules_) all.push_back(rule);
  return all;
}

std::optional<std::int64_t> fault_switches::fire(paper_fault fault, broker_operation on, account_id account) {
  auto found = rules_.find({fault, on, account});
  if (found == rules_.end()) found = rules_.find({fault, on, account_id{}});
  if (found == rules_.end()) return std::nullopt;
  fault_rule& rule = found->second;
  const std::int64_t delay_ms = rule.delay_ms;
  if (rule.next > 0) {
    if (--rule.next == 0 && rule.probability_ppm == 0) rules_.erase(found);
    return delay_ms;
  }
  return dice_.between(1, ppm_max) <= rule.probability_ppm ? std::optional{delay_ms} : std::nullopt;
}

fault_draw fault_switches::draw(broker_operation on, account_id account) {
  fault_draw drawn;
  if (rules_.empty()) return drawn;
  drawn.reject = fire(paper_fault::reject, on, account).has_value();
  drawn.hang = fire(paper_fault::accept_then_hang, on, account).has_value();
  drawn.drop = fire(paper_fault::drop_before_accept, on, account).has_value();
  drawn.slow_ms = fire(paper_fault::slow, on, account).value_or(0);
  drawn.late_accept_ms = fire(paper_fault::late_accept, on, account);
  drawn.late_reject_ms = fire(paper_fault::late_reject, on, account);
  return drawn;
}

bool fault_switches::draw_duplicate_fill(account_id account) {
  return !rules_.empty() && fire(paper_fault::duplicate_fill, broker_operation::place, account).has_value();
}

}  // namespace sb
