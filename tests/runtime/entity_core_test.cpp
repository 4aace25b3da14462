#include <catch2/catch.hpp>

#include "runtime/entity.hpp"
#include "tests/runtime/stage.hpp"

using namespace sb;
using sb::test::stage;

namespace {

const entity_key counter_key{{7}, entity_kind::user, "1"};

/// The simplest entity: create_user adds one and answers how many there are, get_user only answers; an alarm makes it
/// busy.
class counter final : public entity {
 public:
  explicit counter(std::int64_t gather_ms = 0, bool ahead = false, std::int64_t snapshot_from = 3)
      : gather_ms_{gather_ms}, ahead_{ahead}, snapshot_from_{snapshot_from} {}

  std::int64_t gather_ms(boot_ms) const override { return gather_ms_; }
  bool decides_ahead() const override { return ahead_; }
  bool replay(const event_record& event, wall_ms, std::string& why) override {
    if (event.type != "counted") {
      why = "not mine: " + event.type;
      return false;
    }
    ++count_;
    return true;
  }
  bool restore(const stored_snapshot& snapshot, std::string& why) override {
    if (snapshot.body.empty()) {
      why = "empty";
      return false;
    }
    count_ = std::stoll(snapshot.body);
    return true;
  }
  void recovered(turn& now, predecessor former) override {
    if (former != predecessor::none) now.at_once(alarm_out{9, 1});
  }
  void handle(const delivery& in, turn& now) override {
    if (std::holds_alternative<sb::alarm>(in.body)) busy_ = true;
    if (std::holds_alternative<create_user>(in.body)) {
      ++count_;
      event_record fact;
      fact.type = "counted";
      fact.body = "{}";
      now.record(fact);
      now.at_once(alarm_out{1, 5});
    }
    user_answer reply;
    reply.user.version = count_;
    now.reply(in.head.from, reply);
  }
  void committed(const clock_reading&, outputs& out) override { out.push_back(alarm_out{2, count_}); }
  bool busy() const override { return busy_; }
  bool snapshot_due(std::int64_t tail_events, std::size_t) override { return tail_events >= snapshot_from_; }
  snapshot_offer snapshot() override {
    return {[count = count_] { return std::to_string(count); }, [](std::size_t) {}};
  }

 private:
  std::int64_t gather_ms_;
  bool ahead_;
  std::int64_t snapshot_from_;
  std::int64_t count_ = 0;
  bool busy_ = false;
};

struct fresh_counter : stage {
  explicit fresh_counter(std::size_t queue_max = 8)
      : stage{counter_key, [] { return std::make_unique<counter>(); }, queue_max} {
    come_back();
  }
};
/// What nobody asks it for waits 40 ms for company.
struct gathering_counter : stage {
  gathering_counter() : stage{counter_key, [] { return std::make_unique<counter>(40); }, 8} { come_back(); }
  void gather_time_is_over() { give(sb::alarm{entity_core::alarm_gathered}); }
};
/// Does not wait for its own appends.
struct hasty_counter : stage {
  explicit hasty_counter(std::int64_t gather_ms = 0, std::int64_t snapshot_from = 3, std::size_t queue_max = 8)
      : stage{counter_key, [=] { return std::make_unique<counter>(gather_ms, true, snapshot_from); }, queue_max} {
    come_back();
    clear();
  }
  void stored_through(std::int64_t version) { core->appended(append_verdict::stored, version, now(), out); }
};
requester client(std::uint64_t request) { return {1, request}; }
std::int64_t told(const stage& s, std::uint64_t request) {
  const auto replies = s.replies<user_answer>(request);
  return replies.size() == 1 ? replies.front().user.version : -1;
}

}  // namespace

SCENARIO("nothing leaves an entity before the facts it rests on are stored") {
  GIVEN("a command whose append is out") {
    fresh_counter s;
    s.clear();
    s.give(create_user{}, client(1));
    THEN("only what does no harm has left") {
      CHECK(s.appending());
      CHECK(s.reply_count(1) == 0);
      CHECK(s.alarm_after(1) == 5);
      CHECK_FALSE(s.alarm_after(2));
    }
    WHEN("it is stored") {
      s.store();
      THEN("the answer leaves, and then the next step") {
        CHECK(told(s, 1) == 1);
        CHECK(s.alarm_after(2) == 1);
        CHECK(s.core->version() == 1);
      }
    }
    WHEN("it is not stored") {
      s.lose();
      THEN("the entity trusts itself no longer, and its client hears that nobody knows") {
        CHECK(s.failed());
        CHECK_FALSE(s.core->alive());
        REQUIRE(s.replies<rejected>(1).size() == 1);
        CHECK(s.replies<rejected>(1).front().why == rejection::storage_unavailable);
        CHECK(s.replies<user_answer>(1).empty());
      }
    }
  }
}

SCENARIO("what is queued while an append is out becomes one append") {
  GIVEN("one append out, and three commands and a read behind it") {
    fresh_counter s;
    s.give(create_user{}, client(1));
    for (std::uint64_t request = 2; request <= 4; ++request) s.give(create_user{}, client(request));
    s.give(get_user{}, client(5));
    CHECK(s.all<append_out>().size() == 1);
    CHECK(s.core->queued() == 4);
    WHEN("the first is stored") {
      s.store();
      THEN("the three leave as one row that follows it, and the read waits for it") {
        REQUIRE(s.all<append_out>().size() == 2);
        const auto second = s.all<append_out>().back();
        CHECK(second.version == 2);
        CHECK(second.facts.size() == 3);
        CHECK(second.urgent);
        CHECK(s.reply_count(5) == 0);
        s.store();
        CHECK(told(s, 2) == 2);
        CHECK(told(s, 4) == 4);
        CHECK(told(s, 5) == 4);
      }
    }
  }
}

SCENARIO("one that decides ahead does not wait for its own append") {
  hasty_counter s;
  s.give(create_user{}, client(1));
  s.give(create_user{}, client(2));
  s.give(get_user{}, client(3));
  const auto appends = s.all<append_out>();
  REQUIRE(appends.size() == 2);
  CHECK_FALSE(appends[0].follows);
  CHECK(appends[1].follows);
  CHECK(appends[1].version == 2);
  CHECK(s.core->queued() == 0);
  CHECK_FALSE(s.core->can_retire());
  WHEN("the first is stored") {
    s.store();
    THEN("what rests on the second has not left, nor is anything to be done next") {
      CHECK(told(s, 1) == 1);
      CHECK(s.reply_count(2) == 0);
      CHECK(s.reply_count(3) == 0);
      CHECK_FALSE(s.alarm_after(2));
      s.store();
      CHECK(told(s, 2) == 2);
      CHECK(told(s, 3) == 2);
      CHECK(s.alarm_after(2) == 2);
      CHECK(s.core->can_retire());
    }
  }
  WHEN("both became one row") {
    s.stored_through(2);
    THEN("all leaves, in the order in which it was asked") {
      REQUIRE(s.all<reply_out>().size() == 3);
      for (std::uint64_t request = 1; request <= 3; ++request)
        CHECK(s.all<reply_out>()[request - 1].to.request == request);
      CHECK(s.core->can_retire());
    }
  }
  WHEN("the first is not stored") {
    s.lose();
    THEN("nobody is told what was decided on it, whatever is said of the second") {
      s.stored_through(2);
      CHECK(s.failed());
      CHECK(s.all<reply_out>().size() == 3);
      for (std::uint64_t request = 1; request <= 3; ++request) CHECK(s.replies<rejected>(request).size() == 1);
    }
  }
  WHEN("the second is refused while the first is out") {
    s.core->appended(append_verdict::not_stored, 2, s.now(), s.out);
    THEN("the entity trusts itself no longer") { CHECK(s.failed()); }
  }
}

SCENARIO("what is decided ahead is bounded") {
  hasty_counter s{0, 1'000, 100};
  for (std::uint64_t request = 1; request <= 66; ++request) s.give(create_user{}, client(request));
  REQUIRE(s.all<append_out>().size() == 64);
  CHECK(s.core->queued() == 2);
  s.store();
  REQUIRE(s.all<append_out>().size() == 65);
  CHECK(s.all<append_out>().back().facts.size() == 2);
}

SCENARIO("somebody who asks behind unhurried facts makes them hurry, once") {
  hasty_counter s;
  s.give(create_user{});
  CHECK_FALSE(s.all<append_out>().back().urgent);
  s.give(get_user{}, client(1));
  CHECK(s.all<hurry_out>().size() == 1);
  s.give(get_user{}, client(2));
  CHECK(s.all<hurry_out>().size() == 1);
  CHECK(s.reply_count(1) == 0);
  s.store();
  CHECK(told(s, 1) == 1);
  CHECK(told(s, 2) == 1);
}

SCENARIO("what nobody waits for makes no fact hurry") {
  const auto idle = GENERATE(values<message>({settle_request{}, orders_seen{}, orders_looked_up{}, sb::alarm{1}}));
  fresh_counter s;
  s.give(create_user{});
  s.give(idle);
  CHECK(s.all<hurry_out>().empty());
  s.give(get_user{});
  CHECK(s.all<hurry_out>().size() == 1);
}

SCENARIO("a snapshot that is due waits until all facts are stored, and nothing is decided ahead meanwhile") {
  hasty_counter s{40};
  s.give(create_user{}, client(1));
  GIVEN("appends that are out") {
    s.give(create_user{}, client(2));
    s.give(create_user{}, client(3));
    s.give(create_user{}, client(4));
    CHECK(s.all<append_out>().size() == 3);
    CHECK(s.core->queued() == 1);
    s.store();
    s.store();
    CHECK(s.all<snapshot_out>().empty());
    s.store();
    REQUIRE(s.all<snapshot_out>().size() == 1);
    CHECK(s.all<snapshot_out>().front().version == 3);
    CHECK(s.all<snapshot_out>().front().offer.text() == "3");
    CHECK(s.all<append_out>().back().version == 4);
  }
  GIVEN("facts that were gathered while an append was out") {
    s.give(create_user{});
    s.store();
    CHECK(s.all<snapshot_out>().empty());
    CHECK_FALSE(s.appending());
    s.give(create_user{});
    s.give(sb::alarm{entity_core::alarm_gathered});
    CHECK(s.all<snapshot_out>().empty());
    s.store();
    REQUIRE(s.all<snapshot_out>().size() == 1);
    CHECK(s.all<snapshot_out>().front().version == 3);
  }
}

SCENARIO("facts that nobody waits for wait for company") {
  gathering_counter s;
  s.clear();
  s.give(create_user{});
  s.give(create_user{});
  CHECK_FALSE(s.appending());
  CHECK_FALSE(s.core->can_retire());
  CHECK(s.alarm_after(entity_core::alarm_gathered) == 40);
  WHEN("somebody asks for something") {
    s.give(create_user{}, client(1));
    THEN("all of it is one row, and he has waited for no other") {
      REQUIRE(s.all<append_out>().size() == 1);
      CHECK(s.all<append_out>().back().version == 1);
      CHECK(s.all<append_out>().back().facts.size() == 3);
      CHECK(s.all<append_out>().back().urgent);
      s.store();
      CHECK(told(s, 1) == 3);
      AND_THEN("the alarm that is still set has nothing to do") {
        s.gather_time_is_over();
        CHECK_FALSE(s.appending());
        CHECK(s.core->can_retire());
      }
    }
  }
  WHEN("somebody only reads") {
    s.give(get_user{}, client(1));
    THEN("what he is told is stored before") {
      CHECK(s.reply_count(1) == 0);
      s.store();
      CHECK(told(s, 1) == 2);
    }
  }
  WHEN("nobody comes") {
    s.gather_time_is_over();
    THEN("they leave by themselves") {
      REQUIRE(s.all<append_out>().size() == 1);
      CHECK(s.all<append_out>().back().facts.size() == 2);
      CHECK_FALSE(s.all<append_out>().back().urgent);
      s.store();
      CHECK(s.core->can_retire());
    }
    THEN("what comes meanwhile waits for the next row, and its alarm is set again") {
      s.clear();
      s.give(create_user{});
      CHECK_FALSE(s.alarm_after(entity_core::alarm_gathered));
      s.store();
      CHECK_FALSE(s.appending());
      CHECK(s.alarm_after(entity_core::alarm_gathered) == 40);
    }
  }
  WHEN("there are very many") {
    for (int more = 0; more < 254; ++more) s.give(create_user{});
    THEN("they do not wait any longer") {
      REQUIRE(s.appending());
      CHECK(s.all<append_out>().back().facts.size() == 256);
    }
  }
  WHEN("the entity ends") {
    outputs said;
    s.core->abandon(rejection::storage_unavailable, "crashed", said);
    s.come_back();
    THEN("they never were") {
      s.give(get_user{}, client(2));
      CHECK(told(s, 2) == 0);
    }
  }
}

SCENARIO("a bounded queue") {
  fresh_counter s{2};
  s.give(create_user{}, client(1));
  s.give(get_user{}, client(2));
  s.give(get_user{}, client(3));
  WHEN("a client comes when it is full") {
    s.give(get_user{}, client(4));
    THEN("it is told so at once") {
      REQUIRE(s.replies<rejected>(4).size() == 1);
      CHECK(s.replies<rejected>(4).front().why == rejection::overloaded);
    }
  }
  WHEN("a fact comes for which nobody waits") {
    s.give(get_user{});
    THEN("it is taken in") { CHECK(s.core->queued() == 3); }
  }
  GIVEN("one that decides ahead, which has nobody in its queue") {
    hasty_counter hasty{0, 1'000, 2};
    hasty.give(create_user{}, client(1));
    hasty.give(get_user{}, client(2));
    hasty.give(get_user{}, client(3));
    CHECK(hasty.replies<rejected>(3).size() == 1);
    hasty.give(create_user{});
    CHECK(hasty.all<append_out>().size() == 2);
    hasty.store();
    CHECK(told(hasty, 2) == 1);
    hasty.give(get_user{}, client(4));
    CHECK(hasty.reply_count(4) == 0);
  }
}

SCENARIO("work that nobody wants any more is dropped") {
  fresh_counter s;
  s.give(create_user{}, client(1), boot_ms{s.clock_ms - 1});
  CHECK_FALSE(s.appending());
  REQUIRE(s.replies<rejected>(1).size() == 1);
  CHECK(s.replies<rejected>(1).front().why == rejection::deadline_passed);
  s.give(create_user{}, client(2), boot_ms{s.clock_ms});
  CHECK(s.appending());
}

SCENARIO("an entity is what its stream makes of it") {
  fresh_counter s;
  for (std::uint64_t request = 1; request <= 2; ++request) {
    s.give(create_user{}, client(request));
    s.store();
  }
  GIVEN("a new incarnation") {
    s.come_back();
    CHECK(s.core->version() == 2);
    CHECK(s.alarm_after(9) == 1);
    s.give(get_user{}, client(3));
    CHECK(told(s, 3) == 2);
  }
  GIVEN("messages that came before its history") {
    entity_core core{counter_key, std::make_unique<counter>(), 8};
    outputs out;
    delivery in;
    in.head.from = client(4);
    in.body = get_user{};
    core.deliver(in, s.now(), out);
    CHECK(out.empty());
    CHECK(core.recovering());
    core.recover({stream_of(counter_key), std::nullopt, s.rows}, predecessor::lost, s.now(), out);
    const auto* reply = std::get_if<reply_out>(&out.at(2));  // after the alarm of the recovery and committed()'s
    REQUIRE(reply != nullptr);
    CHECK(std::get<user_answer>(reply->body).user.version == 2);
  }
  GIVEN("a snapshot in the middle") {
    s.snapshot = stored_snapshot{stream_of(counter_key), 1, "1"};
    s.come_back();
    CHECK(s.core->version() == 2);
    s.give(get_user{}, client(5));
    CHECK(told(s, 5) == 2);
  }
}

TEST_CASE("a history that cannot be trusted parks the entity") {
  struct row {
    const char* name;
    std::function<void(stage&)> harm;
    const char* why;
  };
  const auto damage = GENERATE_COPY(values<row>({
      {"a row is missing", [](stage& s) { s.rows.erase(s.rows.begin()); }, "gap"},
      {"an unknown event",
       [](stage& s) {
         s.given_row({event_record{"strange", 1, {}, {}, {}, "{}"}});
       },
       "not mine"},
      {"an unreadable row", [](stage& s) { s.rows.back().body = "{"; }, "version 2"},
      {"an unreadable snapshot",
       [](stage& s) {
         s.snapshot = stored_snapshot{stream_of(counter_key), 1, {}};
       },
       "snapshot"},
  }));
  CAPTURE(damage.name);
  fresh_counter s;
  for (std::uint64_t request = 1; request <= 2; ++request) {
    s.give(create_user{}, client(request));
    s.store();
  }
  damage.harm(s);
  s.come_back();
  REQUIRE(s.failed());
  CHECK_THAT(s.all<fail_out>().front().why, Catch::Contains(damage.why));
  s.give(get_user{}, client(9));
  CHECK(s.replies<rejected>(9).size() == 1);
}

SCENARIO("an entity retires only when its stream can bring everything back") {
  fresh_counter s;
  CHECK(s.core->can_retire());
  s.give(create_user{}, client(1));
  CHECK_FALSE(s.core->can_retire());
  s.store();
  CHECK(s.core->can_retire());
  s.give(sb::alarm{1});
  CHECK_FALSE(s.core->can_retire());
}

SCENARIO("an entity that ends answers everybody who waits") {
  fresh_counter s;
  s.give(create_user{}, client(1));
  s.give(get_user{}, client(2));
  s.core->abandon(rejection::shard_moved, "gone", s.out);
  for (std::uint64_t request = 1; request <= 2; ++request) {
    REQUIRE(s.replies<rejected>(request).size() == 1);
    CHECK(s.replies<rejected>(request).front().why == rejection::shard_moved);
  }
  CHECK_FALSE(s.core->alive());
  CHECK_FALSE(s.core->can_retire());
}

SCENARIO("a snapshot is offered when the tail is long enough, with the version that it holds") {
  fresh_counter s;
  for (std::uint64_t request = 1; request <= 4; ++request) {
    s.give(create_user{}, client(request));
    s.store();
  }
  const auto offered = s.all<snapshot_out>();
  REQUIRE(offered.size() == 1);
  CHECK(offered.front().version == 3);
  CHECK(offered.front().offer.text() == "3");
}
