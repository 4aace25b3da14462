#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "runtime/entity.hpp"
#include "storage/journal.hpp"

/// The writer's side of the journal protocol (docs/ARCHITECTURE.md, "Journal"): group commit over all shards of the
/// node, heads and epochs, and the way out of an unknown commit. Sans-I/O: `next` says what to ask of the journal,
/// `*_done` takes its answer.
namespace sb {

/// One row, waiting to be part of a batch: an entity's append, or several that it decided one after another. `token`
/// names whoever is told the verdict.
struct pending_write {
  std::uint64_t token = 0;
  shard_id shard = 0;
  stream_id stream;
  std::uint64_t incarnation = 0;  ///< of the entity: who follows an append must be who made it
  append_out what;
};
enum class enqueued : std::uint8_t {
  queued,
  joined,   ///< it is part of the stream's last write, which waits here: its token is not spoken of
  refused,  ///< and told so
};

struct write_verdict {
  std::uint64_t token = 0;
  append_verdict verdict = append_verdict::not_stored;
  std::int64_t through = 0;  ///< version of the row's last fact
};
/// The shard was lost: another node owns it, or its head is not what we left. Its entities must end.
struct shard_lost {
  shard_id shard = 0;
  std::string why;
};
struct barrier_passed {
  std::uint64_t token = 0;
};
/// A row that PostgreSQL refuses: its entity ends; somebody should look.
struct row_refused {
  shard_id shard = 0;
  stream_id stream;
  std::string detail;
};
using writer_event = std::variant<write_verdict, committed_rows, shard_lost, barrier_passed, row_refused>;
using writer_events = std::vector<writer_event>;

struct append_step {
  std::reference_wrapper<const std::vector<shard_append>> parts;  ///< the writer's own, as they are until append_done
};
struct claim_step {
  std::vector<claim_request> shards;
};
struct idle_step {};
using writer_step = std::variant<idle_step, append_step, claim_step>;

class journal_writer {
 public:
  /// `rows_max` in a batch; `queue_max` rows waiting, beyond which a write is refused.
  journal_writer(std::size_t rows_max, std::size_t queue_max) : rows_max_{rows_max}, queue_max_{queue_max} {}

  /// After a successful claim. Entities of the shard start afterwards; what waited under an earlier claim is not
  /// stored.
  void own(const shard_head& head, writer_events& out);
  /// Gives the shard up. Whatever waits for it is answered `not_stored`; for what was sent already that means "replay
  /// and see". One that is not owned is said to be lost again, for whoever missed it.
  void disown(shard_id shard, writer_events& out);
  bool owns(shard_id shard) const { return shards_.contains(shard); }
  std::vector<shard_head> owned() const;

  /// Queues the write, or answers `not_stored` at once: not our shard, a version that does not follow the stream's last
  /// one, one that follows another which is not known here, or a full queue.
  enqueued enqueue(pending_write write, writer_events& out);
  /// The last queued write of this stream is waited for after all.
  void hurry(shard_id shard, const stream_id& stream);
  /// Answers once no write of this stream can be stored any more: takes what was not sent from the queue and waits for
  /// what was. A new incarnation of an entity begins after it. An empty stream means all streams of the shard.
  void barrier(std::uint64_t token, shard_id shard, const stream_id& stream, writer_events& out);
  /// The entity has retired; its stream's last version need not be remembered.
  void forget(shard_id shard, const stream_id& stream);

  bool busy() const { return out_; }
  bool has_work() const { return !queue_.empty() || !resolving_.empty(); }
  /// Somebody waits for a queued row, or a shard must be resolved.
  bool urgent() const { return urgent_ > 0 || !resolving_.empty(); }
  std::size_t queued() const { return queue_.size(); }

  /// What to ask of the journal now; idle while something is out.
  writer_step next();
  void append_done(const std::vector<append_outcome>& outcomes, writer_events& out);
  void claim_done(const std::vector<claim_outcome>& outcomes, const node_identity& self, writer_events& out);

 private:
  struct shard_state {
    shard_head head;
    std::vector<pending_write> in_flight;
    std::vector<journal_row> rows;  ///< of in_flight, with seq and hash; in parts_ while they are out
    bool alone = false;  ///< a batch was refused: send this shard's rows one at a time until one passes or is refused
    struct stream_end {
      std::int64_t version = 0;       ///< of the last fact that was taken in
      std::uint64_t incarnation = 0;  ///< of who wrote it
    };
    std::unordered_map<stream_id, stream_end> ends;
  };
  struct waiting_barrier {
    std::uint64_t token = 0;
    shard_id shard = 0;
    stream_id stream;
  };

  void take_writes();
  shard_append part_of(shard_id id);
  void stored(shard_state& shard, writer_events& out);
  void back_to_queue(shard_state& shard);
  bool extend_stream(const pending_write& write);
  bool join(pending_write& write);
  void drop_queued(shard_id shard, const stream_id& stream, writer_events& out);
  void refuse(const pending_write& write, writer_events& out);
  void lose(shard_id shard, const std::string& why, writer_events& out);
  void pass_barriers(writer_events& out);
  bool in_flight(shard_id shard, const stream_id& stream) const;

  std::size_t rows_max_;
  std::size_t queue_max_;
  std::map<shard_id, shard_state> shards_;
  std::deque<pending_write> queue_;  ///< of all shards, oldest first
  std::size_t urgent_ = 0;
  std::vector<shard_id> sent_;  ///< shards of the batch that is out, and still owned under the claim it was sent under
  std::vector<shard_append> parts_;  ///< the batch that is out
  std::vector<shard_id> resolving_;  ///< unknown commit: to be claimed again before anything else, ascending
  std::vector<waiting_barrier> barriers_;
  bool out_ = false;
};

}  // namespace sb
