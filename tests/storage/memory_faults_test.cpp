// The switches that simulations use; the contract itself is in journal_contract_test.cpp.
#include "journal_worlds.hpp"

namespace {

using namespace sb;
using namespace sb::test;

const node_identity self{"node-a", 7};

}  // namespace

TEST_CASE("the memory journal fails as told, once, and then works again", "[memory]") {
  using fault = memory_journal::append_fault;
  memory_journal journal;
  auto owner = claimed(journal, self, 5);
  struct row {
    fault what;
    append_status told;
    bool stored;
  };
  const auto r = GENERATE(values<row>({
      {fault::unknown_applied, append_status::unknown_commit, true},
      {fault::unknown_not_applied, append_status::unknown_commit, false},
      {fault::unknown_in_flight, append_status::unknown_commit, false},
      {fault::refused, append_status::data_refused, false},
      {fault::not_attempted, append_status::not_attempted, false},
  }));
  journal.inject(r.what);
  const auto part = owner.row("7/book", 1).part();
  CHECK(journal.append({part}, generous).at(0).status == r.told);
  CHECK(journal.heads({5}, generous).at(0).head == (r.stored ? 1 : 0));
  CHECK(journal.append({part}, generous).at(0).status == (r.stored ? append_status::fenced : append_status::stored));
}

TEST_CASE("a statement in flight lands, unless the fence has moved", "[memory]") {
  memory_journal journal;
  auto owner = claimed(journal, self, 5);
  journal.inject(memory_journal::append_fault::unknown_in_flight);
  journal.append({owner.row("7/book", 1).part()}, generous);
  const bool claimed_between = GENERATE(false, true);
  if (claimed_between) claimed(journal, self, 5);
  journal.land_in_flight();
  journal.land_in_flight();  // nothing lands twice
  CHECK(journal.heads({5}, generous).at(0).head == (claimed_between ? 0 : 1));
}

TEST_CASE("a claim of unknown outcome landed or did not", "[memory]") {
  using fault = memory_journal::claim_fault;
  memory_journal journal;
  const bool applied = GENERATE(false, true);
  journal.inject(applied ? fault::unknown_applied : fault::unknown_not_applied);
  CHECK(journal.claim({{5, 0, 0}}, self, 0ms, generous).at(0).status == claim_status::unknown);
  CHECK(journal.heads({5}, generous).at(0).epoch == (applied ? 1 : 0));
  CHECK(journal.claim({{5, 0, 0}}, self, 0ms, generous).at(0).status ==
        (applied ? claim_status::lost : claim_status::claimed));
}

TEST_CASE("offline is what a lost database looks like", "[memory]") {
  memory_journal journal;
  auto owner = claimed(journal, self, 5);
  journal.set_offline(true);
  CHECK(journal.append({owner.row("7/book", 1).part()}, generous).at(0).status == append_status::not_attempted);
  CHECK(journal.claim({{5, 1, 7}}, self, 0ms, generous).at(0).status == claim_status::unknown);
  CHECK_THROWS_AS(journal.heads({5}, generous), storage_unavailable);
  CHECK_THROWS_AS(journal.read_after(5, 0, 1, generous), storage_unavailable);
  CHECK_THROWS_AS(journal.heartbeat(self, generous), storage_unavailable);
  journal.set_offline(false);
  CHECK(append(journal, owner) == append_status::stored);
  journal.set_clock_skew_ms(2500);
  CHECK(journal.clock_skew_ms({}, generous) == 2500);
}
