#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "app/audit/finding_list.hpp"
#include "storage/event_record.hpp"
#include "storage/journal.hpp"

namespace sb::audit {

/// The row that comes before another one in its stream.
struct former_row {
  std::int64_t seq = 0;
  std::int64_t version = 0;
  std::int32_t events = 0;
};

/// A row of the journal as it was read.
struct stored_row {
  journal_row row;
  std::optional<former_row> former;  ///< of its stream, the one with the highest version that is not above the row's
  std::string defect;                ///< a column that does not hold what it must; empty: none
};

/// A shard's row in the table of fences.
struct stored_head {
  shard_head head;
  bool present = false;
  std::string defect;  ///< likewise
};

/// What an event lacks to tell who caused it, by which authority and on which request; empty: nothing. A user's or a
/// service's event names organization, user, credential, method, correlation and cause; one of the system itself has
/// a cause and no credential.
std::string missing_author(const event_record& event);

/// Checks one shard of the journal, row by row: places, epochs, the hash chain, each stream's versions, that every
/// event can be read and tells who caused it, and at the end that the shard's head is the last row. Keeps no more than
/// that row, however long the journal is: the versions of streams are checked by induction, each row against its
/// former. Pure: the caller brings the rows.
///
/// Where rows are missing, the chain has no link to the row after the gap; the gap is the finding.
class shard_check {
 public:
  /// `findings` must outlive it.
  shard_check(shard_id shard, finding_list& findings) : shard_{shard}, findings_{findings} {}

  /// All rows of the shard in ascending order of seq.
  void take(const stored_row& stored);
  /// After the last one, with the head as it was when that row was the last.
  void finish(const stored_head& stored);

  std::int64_t rows() const { return rows_; }
  std::int64_t events() const { return events_; }
  std::int64_t last_seq() const { return last_.seq; }

 private:
  struct row_end {
    std::int64_t seq = 0;
    std::int64_t epoch = 0;
    digest hash{};
  };
  void check_place(const stored_row& stored);
  void check_version(const stored_row& stored);
  void check_events(const journal_row& row);
  void report(std::int64_t seq, std::string_view what) { findings_.add(shard_, seq, what); }

  shard_id shard_;
  finding_list& findings_;
  row_end last_;
  std::int64_t rows_ = 0;
  std::int64_t events_ = 0;
};

}  // namespace sb::audit
