#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "app/audit/shard_check.hpp"
#include "audit_ledger.hpp"
#include "storage/event_codec.hpp"
#include "storage/hash_chain.hpp"

using namespace sb;
using namespace sb::audit;

namespace {

constexpr organization_id organization = test::ledger_organizations[0];
const shard_id trade_shard = shard_of(shard_role::trade, organization);

/// A trade shard of a few orders under two epochs, and its head.
struct shard_story {
  std::vector<stored_row> rows;
  stored_head head;
};
shard_story untouched() {
  test::ledger writing;
  writing.open_organization(organization);
  writing.trade(organization, 2);
  auto taken_over = writing.heads().at(trade_shard);
  ++taken_over.epoch;
  writing.hold(taken_over);
  writing.trade(organization, 2);
  shard_story story;
  story.rows = test::stored_rows(writing.rows(), trade_shard);
  story.head.head = writing.heads().at(trade_shard);
  story.head.present = true;
  return story;
}

finding_list check(const shard_story& story) {
  finding_list findings;
  shard_check checking{trade_shard, findings};
  for (const auto& row : story.rows) checking.take(row);
  checking.finish(story.head);
  return findings;
}

bool mentions(const finding_list& findings, const std::string& what) {
  for (const auto& line : findings.shown()) {
    if (line.find(what) != std::string::npos) return true;
  }
  return false;
}

/// The row's events are packed anew and all hashes from here on made to fit: what somebody does who knows the format.
void rewrite(shard_story& story, std::size_t from) {
  for (auto at = from; at < story.rows.size(); ++at) {
    auto& row = story.rows[at].row;
    row.hash = chain(at == 0 ? digest{} : story.rows[at - 1].row.hash, row);
  }
  story.head.head.head_hash = story.rows.back().row.hash;
  test::find_formers(story.rows);
}

void change_event(stored_row& stored, const std::function<void(event_record&)>& change) {
  std::string why;
  auto events = *unpack(stored.row.body, why);
  change(events.front());
  stored.row.body = pack(events);
}

using tamper = std::function<void(shard_story&)>;
struct tampering {
  std::string name;
  tamper change;
  std::string finding;
};

}  // namespace

SCENARIO("a shard that nobody touched has no finding") {
  const auto story = untouched();
  REQUIRE(story.rows.size() == 13);
  const auto findings = check(story);
  INFO(format(findings));
  REQUIRE(findings.empty());
  THEN("neither has one without rows") {
    shard_story empty;
    empty.head.present = true;
    REQUIRE(check(empty).empty());
  }
}

TEST_CASE("what was done to a row is found at that row") {
  const auto each = GENERATE(values<tampering>({
      {"the first row is lost", [](auto& s) { s.rows.erase(s.rows.begin()); }, "seq 2: follows seq 0"},
      {"a row is lost", [](auto& s) { s.rows.erase(s.rows.begin() + 4); }, "seq 6: follows seq 4"},
      {"a row is there twice", [](auto& s) { s.rows.insert(s.rows.begin() + 4, s.rows[4]); }, "seq 5: is there twice"},
      {"a row before the first",
       [](auto& s) {
         s.rows.insert(s.rows.begin(), s.rows[0]);
         s.rows[0].row.seq = -5;
       },
       "seq -5: follows seq 0"},
      {"a body is changed", [](auto& s) { s.rows[4].row.body[60] ^= 1; }, "seq 5: its hash is not that of the row"},
      {"a time is changed", [](auto& s) { ++s.rows[4].row.at.value; }, "seq 5: its hash is not that of the row"},
      {"a hash is changed", [](auto& s) { s.rows[4].row.hash[31] ^= 0x80; }, "seq 5: its hash is not that of the row"},
      {"a hash is changed, seen by the next", [](auto& s) { s.rows[4].row.hash[31] ^= 0x80; },
       "seq 6: its hash is not that of the row"},
      {"contents of two rows are swapped", [](auto& s) { std::swap(s.rows[4].row.body, s.rows[5].row.body); },
       "seq 5: its hash is not that of the row"},
      {"a column cannot be read", [](auto& s) { s.rows[4].defect = "its hash is not 32 bytes long"; },
       "seq 5: its hash is not 32 bytes long"},
  }));
  INFO(each.name);
  auto story = untouched();
  each.change(story);
  const auto findings = check(story);
  INFO(format(findings));
  REQUIRE(mentions(findings, "shard " + std::to_string(trade_shard) + " " + each.finding));
}

TEST_CASE("what is wrong with a row is found although all hashes fit") {
  const auto each = GENERATE(values<tampering>({
      {"the epoch goes back", [](auto& s) { s.rows[11].row.epoch = 1; }, "seq 12: its epoch 1 is before 2"},
      {"a stream begins late", [](auto& s) { s.rows[0].row.version = 2; }, "seq 1: 7/account/31 begins with version 2"},
      {"a stream has a gap", [](auto& s) { ++s.rows[3].row.version; }, "seq 4: 7/order/ORD"},
      {"a version is there twice", [](auto& s) { --s.rows[3].row.version; }, "does not follow version 2"},
      {"a stream runs backwards",
       [](auto& s) {
         std::swap(s.rows[2].row.version, s.rows[3].row.version);
         std::swap(s.rows[2].row.events, s.rows[3].row.events);
         std::swap(s.rows[2].row.body, s.rows[3].row.body);
       },
       "was stored before the version before it"},
      {"versions that no sum can hold", [](auto& s) { s.rows[3].row.version = INT64_MAX; },
       "does not follow version 2"},
      {"a stream without a kind", [](auto& s) { s.rows[1].row.stream = "7/ORD1"; }, "7/ORD1: no such stream can be"},
      {"a stream of another shard", [](auto& s) { s.rows[1].row.stream = "8/order/ORD1"; }, "belongs to shard"},
      {"no JSON", [](auto& s) { s.rows[1].row.body = "[{"; }, "seq 2: its events cannot be read: not valid JSON"},
      {"no events", [](auto& s) { s.rows[1].row.body = "[]"; }, "seq 2: its events cannot be read"},
      {"too few events", [](auto& s) { s.rows[1].row.events = 2; }, "seq 2: says 2 events and holds 1"},
      {"an unknown type", [](auto& s) { change_event(s.rows[1], [](auto& e) { e.type = "order.blessed"; }); },
       "seq 2: event 1 (order.blessed)"},
      {"an unknown schema", [](auto& s) { change_event(s.rows[1], [](auto& e) { e.schema = 99; }); }, "seq 2: event 1"},
      {"a body without its members", [](auto& s) { change_event(s.rows[1], [](auto& e) { e.body = "{}"; }); },
       "seq 2: event 1 (order.requested)"},
      {"no user", [](auto& s) { change_event(s.rows[1], [](auto& e) { e.by.user = {}; }); }, "has no user"},
  }));
  INFO(each.name);
  auto story = untouched();
  each.change(story);
  rewrite(story, 0);
  const auto findings = check(story);
  INFO(format(findings));
  REQUIRE(mentions(findings, each.finding));
  REQUIRE_FALSE(mentions(findings, "its hash is not that of the row"));
}

TEST_CASE("a shard's head is its last row") {
  const auto each = GENERATE(values<tampering>({
      {"rows are cut off", [](auto& s) { s.rows.resize(10); }, "seq 10: the shard's head is 13: the rows after"},
      {"all rows are cut off", [](auto& s) { s.rows.clear(); }, "seq 0: the shard's head is 13: the rows after"},
      {"the head goes back", [](auto& s) { s.head.head.head = 10; }, "seq 13: the shard's head is 10, before the last"},
      {"the head's hash", [](auto& s) { s.head.head.head_hash[0] ^= 1; }, "seq 13: the shard's head has another hash"},
      {"the head's epoch", [](auto& s) { s.head.head.epoch = 1; }, "seq 13: the shard's epoch 1 is before 2"},
      {"no head", [](auto& s) { s.head.present = false; }, "seq 13: the shard has no head"},
      {"neither head nor rows",
       [](auto& s) {
         s.rows.clear();
         s.head.present = false;
       },
       "seq 0: the shard has no head"},
      {"a hash without rows",
       [](auto& s) {
         s.rows.clear();
         s.head.head.head = 0;
       },
       "seq 0: the shard's head has another"},
      {"a hash of another length", [](auto& s) { s.head.defect = "the hash of the shard's head is not 32 bytes long"; },
       "the hash of the shard's head is not 32 bytes long"},
  }));
  INFO(each.name);
  auto story = untouched();
  each.change(story);
  const auto findings = check(story);
  INFO(format(findings));
  REQUIRE(findings.count() == 1);
  REQUIRE(mentions(findings, each.finding));
}

TEST_CASE("who wrote an event, by which authority and on which request must be in it") {
  struct row {
    std::string name;
    std::function<void(event_record&)> change;
    std::string missing;
  };
  const auto each = GENERATE(values<row>({
      {"a user's", [](auto&) {}, ""},
      {"a service's", [](auto& e) { e.by.who = principal::kind::service; }, ""},
      {"the system's", [](auto& e) { e.by = {}; }, ""},
      {"the system's, without correlation", [](auto& e) { e.by = {}, e.correlation.clear(); }, ""},
      {"no organization", [](auto& e) { e.by.organization = {}; }, "no organization of its author"},
      {"no user", [](auto& e) { e.by.user = {}; }, "no user"},
      {"a negative user", [](auto& e) { e.by.user = {-1}; }, "no user"},
      {"no credential", [](auto& e) { e.by.credential.clear(); }, "no credential"},
      {"no method", [](auto& e) { e.by.auth_method.clear(); }, "no authentication method"},
      {"no correlation", [](auto& e) { e.correlation.clear(); }, "no correlation"},
      {"no cause", [](auto& e) { e.causation.clear(); }, "no cause"},
      {"the system's without a cause", [](auto& e) { e.by = {}, e.causation.clear(); }, "no cause"},
      {"a service without a user", [](auto& e) { e.by.who = principal::kind::service, e.by.user = {}; }, "no user"},
      {"a kind that is none", [](auto& e) { e.by.who = static_cast<principal::kind>(9); },
       "an author of no known kind"},
      {"the system with a user's number", [](auto& e) { e.by.who = principal::kind::system; },
       "a user or a credential, though the system is its author"},
  }));
  INFO(each.name);
  event_record event;
  event.by = {principal::kind::user, {7}, {12}, "session-1", "jwt"};
  event.correlation = "saga";
  event.causation = "request-1";
  each.change(event);
  REQUIRE(missing_author(event) == each.missing);
}

SCENARIO("a list of findings is bounded, and a forged row cannot write to the terminal") {
  finding_list findings;
  findings.add(3, 17, "7/order/\x1b[2J\nshard 4 seq 1: nothing\xff");
  REQUIRE(findings.shown().front() == "shard 3 seq 17: 7/order/?[2J?shard 4 seq 1: nothing?");
  findings.add(3, 18, std::string(100'000, 'x'));
  REQUIRE(findings.shown().back().size() == finding_list::line_bytes_max);
  for (int at = 0; at < 200; ++at) findings.add(3, 19, "lost");
  REQUIRE(findings.count() == 202);
  REQUIRE(findings.shown().size() == finding_list::shown_max);
  const auto text = format(findings);
  REQUIRE(text.ends_with("shard 3 seq 19: lost\nand 102 more\n"));
  REQUIRE(std::count(text.begin(), text.end(), '\n') == 101);
}
