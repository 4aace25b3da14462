#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "app/anchor_log.hpp"
#include "app/audit/verify.hpp"
#include "audit_ledger.hpp"
#include "storage/hash_chain.hpp"
#include "storage/postgres/journal.hpp"
#include "temporary_directory.hpp"
#include "tests/storage/private_postgres.hpp"

using namespace sb;
using namespace std::chrono_literals;

namespace {

constexpr deadline generous = 60s;
const node_identity writer{"writer", 1};

/// Seed and number can be changed to look for more; a failure names the seed.
std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_{seed} {}
  /// 0 ... sides - 1
  std::size_t roll(std::size_t sides) { return static_cast<std::size_t>(engine_() % sides); }

 private:
  std::mt19937_64 engine_;
};

/// A journal in PostgreSQL, written and claimed through the product's own postgres_journal, with anchors of its heads.
/// A hand below SQL is not held up by constraints and triggers, so they are taken away once it is written.
class written_journal {
 public:
  written_journal() {
    postgres_journal store{conninfo_, writer};
    claim_all(store);
    for (const auto organization : test::ledger_organizations) ledger_.open_organization(organization);
    for (const auto organization : test::ledger_organizations) ledger_.trade(organization, 6);
    append_new(store);
    anchor_heads(1'702'000'060'000);
    claim_all(store);  // a take-over
    for (const auto organization : test::ledger_organizations) ledger_.trade(organization, 4);
    append_new(store);
    anchor_heads(1'702'000'120'000);
    database_.script(R"(
      set idle_in_transaction_session_timeout = 0;
      alter table journal disable trigger all;
      alter table journal drop constraint journal_row_is_sound;
      alter table journal drop constraint journal_pkey;
      alter table journal drop constraint journal_shard_stream_version_key;
      create index on journal (shard, seq);
      create index on journal (shard, stream, version);
      create cast (bytea as text) without function;)",
                     postgres::from_now(generous));
  }
  written_journal(const written_journal&) = delete;
  written_journal& operator=(const written_journal&) = delete;
  ~written_journal() {
    database_.close();
    test::private_postgres::instance()->drop(conninfo_);
  }

  const std::vector<journal_row>& rows() const { return ledger_.rows(); }
  const std::map<shard_id, shard_head>& heads() const { return ledger_.heads(); }

  struct audits {
    audit::finding_list without_anchors;
    audit::finding_list with_anchors;
  };
  audits verify() {
    audits found;
    audit::journal_reader reader{database_, generous};
    audit::verify_rows(reader, found.without_anchors, [](std::int64_t, std::int64_t) {});
    found.with_anchors = found.without_anchors;
    audit::anchor_check anchors{audit::load_anchor_keys(directory_.path() / "token-key.pem"), found.with_anchors};
    audit::verify_anchors(reader, anchors_, anchors, found.with_anchors);
    return found;
  }
  /// What an audit finds after `sql`, which is then undone.
  audits verify_after(const std::string& sql) {
    database_.script("begin", postgres::from_now(generous));
    database_.script(sql, postgres::from_now(generous));
    auto found = verify();
    database_.script("rollback", postgres::from_now(generous));
    return found;
  }

 private:
  void claim_all(postgres_journal& store) {
    for (const auto organization : test::ledger_organizations) {
      for (const auto role : {shard_role::user, shard_role::trade}) {
        const auto shard = shard_of(role, organization);
        const auto seen = store.heads({shard}, generous).at(0);
        const auto claimed = store.claim({{shard, seen.epoch, seen.incarnation}}, writer, 200ms, generous);
        REQUIRE(claimed.at(0).status == claim_status::claimed);
        ledger_.hold(claimed[0].head);
      }
    }
  }
  void append_new(postgres_journal& store) {
    std::map<shard_id, shard_append> parts;
    for (; appended_ < ledger_.rows().size(); ++appended_) {
      const auto& row = ledger_.rows()[appended_];
      auto& part = parts.try_emplace(row.shard, shard_append{row.shard, row.epoch, row.seq - 1, {}}).first->second;
      part.rows.push_back(row);
    }
    std::vector<shard_append> batch;
    for (auto& [shard, part] : parts) batch.push_back(std::move(part));
    for (const auto& outcome : store.append(batch, generous)) {
      INFO(outcome.detail);
      REQUIRE(outcome.status == append_status::stored);
    }
  }
  void anchor_heads(std::int64_t at) {
    std::vector<shard_head> moved;
    for (const auto& [shard, head] : heads()) moved.push_back(head);
    append_anchor(anchors_, key_, {at}, moved);
  }

  std::string conninfo_ = test::private_postgres::instance()->migrated_database();
  postgres::connection database_{conninfo_, {"auditor", 1}, postgres::plans::generic};
  test::temporary_directory directory_;
  std::filesystem::path anchors_ = directory_.path() / "anchors.log";
  web::signing_key key_ = web::signing_key::load_or_create(directory_.path() / "token-key.pem");
  test::ledger ledger_;
  std::size_t appended_ = 0;
};

// ---- tamperings -----------------------------------------------------------------------------------------------------

std::string number(std::int64_t value) { return std::to_string(value); }
std::string hex(const digest& hash) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const auto byte : hash) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return "decode('" + text + "', 'hex')";
}
std::string of(const journal_row& row) {
  return " where shard = " + number(row.shard) + " and seq = " + number(row.seq);
}
std::string of(const shard_head& head) { return " where id = " + number(head.shard); }

std::string flipped(const std::string& column, std::size_t bit, const std::string& one) {
  return column + " = " + column + " # (" + one + " << " + std::to_string(bit) + ")";
}
std::string flipped_bytes(const std::string& column, const std::string& bytes, std::size_t bit,
                          const std::string& cast) {
  const auto at = std::to_string(bit);
  return column + " = set_bit(" + bytes + ", " + at + ", 1 - get_bit(" + bytes + ", " + at + "))" + cast;
}

/// What was done, and whether the database alone can show it: rows cut off with a head that fits, or written anew with
/// hashes that fit, are a journal like any other, but for the anchors.
struct tampering {
  std::string kind;
  std::string sql;
  bool shows_without_anchors = true;
};

class forger {
 public:
  forger(const written_journal& journal, std::uint64_t seed) : journal_{journal}, dice_{seed} {}

  tampering next() {
    switch (dice_.roll(16)) {
      case 0:
        return change("bit of seq", flipped("seq", dice_.roll(64), "1::bigint"));
      case 1:
        return change("bit of version", flipped("version", dice_.roll(64), "1::bigint"));
      case 2:
        return change("bit of at", flipped("at", dice_.roll(64), "1::bigint"));
      case 3:
        return change("bit of epoch", flipped("epoch", dice_.roll(64), "1::bigint"));
      case 4:
        return change("bit of shard", flipped("shard", dice_.roll(32), "1"));
      case 5:
        return change("bit of events", flipped("events", dice_.roll(32), "1"));
      case 6:
        return change("bit of hash", flipped_bytes("hash", "hash", dice_.roll(256), ""));
      case 7: {
        const auto& row = any_row();
        return {"bit of stream",
                "update journal set " +
                    flipped_bytes("stream", "convert_to(stream, 'UTF8')", dice_.roll(8 * row.stream.size()), "::text") +
                    of(row)};
      }
      case 8: {
        const auto& row = any_row();
        return {"bit of body",
                "update journal set " + flipped_bytes("body", "body", dice_.roll(8 * row.body.size()), "") + of(row)};
      }
      case 9:
        return {"row deleted", "delete from journal" + of(any_row())};
      case 10:
        return swap_places();
      case 11:
        return swap_contents();
      case 12:
        return cut_tail(false);
      case 13:
        return cut_tail(true);
      case 14:
        return write_anew();
      default:
        return change_head();
    }
  }

 private:
  const journal_row& any_row() { return journal_.rows()[dice_.roll(journal_.rows().size())]; }
  const shard_head& any_head() {
    return std::next(journal_.heads().begin(), static_cast<std::ptrdiff_t>(dice_.roll(journal_.heads().size())))
        ->second;
  }
  std::vector<journal_row> rows_of(shard_id shard) const {
    std::vector<journal_row> rows;
    for (const auto& row : journal_.rows()) {
      if (row.shard == shard) rows.push_back(row);
    }
    return rows;
  }
  tampering change(std::string kind, const std::string& assignment) {
    return {std::move(kind), "update journal set " + assignment + of(any_row())};
  }
  std::pair<journal_row, journal_row> two_rows() {
    const auto count = journal_.rows().size();
    const auto first = dice_.roll(count);
    const auto second = (first + 1 + dice_.roll(count - 1)) % count;
    return {journal_.rows()[first], journal_.rows()[second]};
  }
  tampering swap_places() {
    const auto [one, other] = two_rows();
    const auto place = [](const journal_row& row) { return number(row.shard) + ", " + number(row.seq); };
    return {"rows swapped",
            "update journal set (shard, seq) = (select w.to_shard, w.to_seq from (values (" + place(one) + ", " +
                place(other) + "), (" + place(other) + ", " + place(one) +
                ")) w(shard, seq, to_shard, to_seq) where w.shard = journal.shard and w.seq = journal.seq)"
                " where (shard, seq) in ((" +
                place(one) + "), (" + place(other) + "))"};
  }
  tampering swap_contents() {
    const auto [one, other] = two_rows();
    return {"contents swapped",
            "update journal j set (stream, version, events, at, body) = (o.stream, o.version, o.events, o.at, o.body)"
            " from (select * from journal" +
                of(one) + " union all select * from journal" + of(other) + ") o where (j.shard = " + number(one.shard) +
                " and j.seq = " + number(one.seq) + " and o.shard = " + number(other.shard) + " and o.seq = " +
                number(other.seq) + ") or (j.shard = " + number(other.shard) + " and j.seq = " + number(other.seq) +
                " and o.shard = " + number(one.shard) + " and o.seq = " + number(one.seq) + ")"};
  }
  tampering cut_tail(bool head_fits) {
    const auto& head = any_head();
    const auto left = dice_.roll(static_cast<std::size_t>(head.head));  // 0 ... head - 1 rows stay
    auto sql = "delete from journal where shard = " + number(head.shard) + " and seq > " + std::to_string(left) + ";";
    if (!head_fits) return {"tail cut", std::move(sql)};
    const auto hash = left == 0 ? digest{} : rows_of(head.shard).at(left - 1).hash;
    sql += "update shard set head = " + std::to_string(left) + ", head_hash = " + hex(hash) + of(head);
    return {"tail cut, head fits", std::move(sql), false};
  }
  /// From some row on all hashes are made to fit another time stamp in that row.
  tampering write_anew() {
    const auto& head = any_head();
    auto rows = rows_of(head.shard);
    const auto from = dice_.roll(rows.size());
    rows[from].at.value += 1 + static_cast<std::int64_t>(dice_.roll(1'000));
    std::string sql;
    for (auto at = from; at < rows.size(); ++at) {
      rows[at].hash = chain(at == 0 ? digest{} : rows[at - 1].hash, rows[at]);
      sql += "update journal set at = " + number(rows[at].at.value) + ", hash = " + hex(rows[at].hash) + of(rows[at]) +
             ";";
    }
    sql += "update shard set head_hash = " + hex(rows.back().hash) + of(head);
    return {"written anew, hashes fit", std::move(sql), false};
  }
  tampering change_head() {
    const auto& head = any_head();
    switch (dice_.roll(5)) {
      case 0:
        return {"bit of head", "update shard set " + flipped("head", dice_.roll(64), "1::bigint") + of(head)};
      case 1:
        return {"bit of head's hash",
                "update shard set " + flipped_bytes("head_hash", "head_hash", dice_.roll(256), "") + of(head)};
      case 2:
        return {"head's epoch back",
                "update shard set epoch = epoch - " + std::to_string(1 + dice_.roll(1'000)) + of(head)};
      case 3:
        return {"head moved back",
                "update shard set (head, head_hash) = (select j.seq, j.hash from journal j where j.shard = " +
                    number(head.shard) + " and j.seq = " + number(head.head - 1) + ")" + of(head)};
      default:
        return {"head deleted", "delete from shard" + of(head)};
    }
  }

  const written_journal& journal_;
  dice dice_;
};

}  // namespace

TEST_CASE("a thousand random tamperings of a stored journal are all found") {
  if (test::private_postgres::instance() == nullptr) return;
  const auto seed = number_from("SEED", 20'240'115);
  const auto runs = number_from("TAMPERINGS", 1'000);
  INFO("rerun with SEED=" << seed);
  written_journal journal;
  REQUIRE(journal.rows().size() > 100);

  const auto untouched = journal.verify();
  INFO(format(untouched.with_anchors));
  REQUIRE(untouched.with_anchors.empty());

  forger forging{journal, seed};
  struct tally {
    int tried = 0;
    int found = 0;
  };
  std::map<std::string, tally> table;
  for (std::uint64_t run = 0; run < runs; ++run) {
    const auto tampered = forging.next();
    const auto found = journal.verify_after(tampered.sql);
    auto& counts = table[tampered.kind];
    ++counts.tried;
    counts.found += found.with_anchors.empty() ? 0 : 1;
    INFO("run " << run << ", " << tampered.kind << ": " << tampered.sql);
    CHECK_FALSE(found.with_anchors.empty());
    // What the database alone cannot show is known, too: it is why anchors are kept.
    CHECK(found.without_anchors.empty() == !tampered.shows_without_anchors);
  }
  std::cout << "audit: seed " << seed << ", " << journal.rows().size() << " rows\n";
  int found = 0;
  for (const auto& [kind, counts] : table) {
    std::cout << "  " << kind << ": " << counts.found << '/' << counts.tried << '\n';
    found += counts.found;
  }
  std::cout << "  " << found << '/' << runs << " tamperings found" << std::endl;

  const auto restored = journal.verify();
  INFO(format(restored.with_anchors));
  REQUIRE(restored.with_anchors.empty());
}

TEST_CASE("a row that is stored twice is found wherever a page ends") {
  if (test::private_postgres::instance() == nullptr) return;
  written_journal journal;
  const auto& row = journal.rows()[20];
  const auto found = journal.verify_after("insert into journal select j.* from journal j" + of(row));
  INFO(format(found.without_anchors));
  REQUIRE(found.without_anchors.count() >= 2);  // its place, and its version
  const auto many =
      journal.verify_after("insert into journal select j.* from journal j, generate_series(1, 1500)" + of(row));
  REQUIRE(many.without_anchors.count() >= audit::journal_reader::page_rows);
}
