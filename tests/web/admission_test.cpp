#include "web/admission/admission.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>

using namespace sb;
using namespace sb::web;

namespace {

using place = admission_ticket::place;

/// A door with a clock, and the tickets of all that came.
class door_desk {
 public:
  explicit door_desk(admission_limits limits) : door{limits} {}

  std::uint64_t ask(std::int64_t user, std::int64_t organization, bool urgent = false) {
    const auto request = ++last_;
    auto& ticket = tickets[request];
    ticket.held = shard_credit{{user}, {organization}, 1};
    if (door.take(request, ticket, urgent, now) == short_of::nothing) return request;
    tickets.erase(request);
    return 0;
  }
  void ask_many(int count, std::int64_t user, std::int64_t organization) {
    for (int i = 0; i < count; ++i) ask(user, organization);
  }
  bool in_core(std::uint64_t request) const { return tickets.at(request).where == place::core; }
  bool in_line(std::uint64_t request) const { return tickets.at(request).where == place::line; }
  int in_core_of(std::int64_t user) const {
    int count = 0;
    for (const auto& [request, ticket] : tickets)
      count += std::get<shard_credit>(ticket.held).user.value == user && ticket.where == place::core;
    return count;
  }
  void answer(std::uint64_t request) {
    door.give_back(request, tickets.at(request), now);
    tickets.erase(request);
  }
  /// Lets in what may, in the order in which it does.
  std::vector<std::uint64_t> let_in() {
    std::vector<std::uint64_t> in;
    while (const auto request = door.next(now)) {
      door.entered(*request, tickets.at(*request), now);
      in.push_back(*request);
    }
    return in;
  }

  admission door;
  boot_ms now{10'000};
  std::map<std::uint64_t, admission_ticket> tickets;

 private:
  std::uint64_t last_ = 0;
};

admission_limits small(std::int32_t core, std::int32_t share = 1) {
  admission_limits limits;
  limits.core = {1, core, core, 25};
  limits.line_ms = 1'000;
  limits.user_share = share;
  return limits;
}

}  // namespace

SCENARIO("what the core has no room for waits for its turn") {
  door_desk d{small(2)};
  const auto first = d.ask(1, 1);
  const auto second = d.ask(1, 1);
  const auto third = d.ask(1, 1);
  REQUIRE(d.in_core(first));
  REQUIRE(d.in_core(second));
  REQUIRE(d.in_line(third));
  CHECK(d.let_in().empty());
  CHECK(d.door.in_flight() == 3);
  WHEN("one is answered") {
    d.answer(first);
    THEN("it enters") { CHECK(d.let_in() == std::vector{third}); }
  }
  WHEN("the core has taken one in, and has not answered it") {
    d.door.leave_core(d.tickets.at(first), d.now);
    THEN("it enters") { CHECK(d.let_in() == std::vector{third}); }
    THEN("the other one keeps its credit") { CHECK(d.door.in_flight() == 3); }
    THEN("its answer makes no second place") {
      d.answer(first);
      d.ask(1, 1);
      CHECK(d.let_in().size() == 1);
    }
  }
  WHEN("it gives up") {
    d.answer(third);
    d.answer(first);
    THEN("nobody enters for it") {
      CHECK(d.let_in().empty());
      CHECK(d.door.waiting() == 0);
      CHECK(d.door.in_flight() == 1);
    }
  }
  WHEN("it has waited for long enough") {
    d.now.value += 999;
    CHECK(d.door.waited_too_long(d.now).empty());
    d.now.value += 1;
    THEN("it is named, once") {
      CHECK(d.door.waited_too_long(d.now) == std::vector{third});
      CHECK(d.door.waited_too_long(d.now).empty());
    }
  }
  WHEN("those in the core take long") {
    d.now.value += 250;
    THEN("they are named: they wait for something else") {
      CHECK(d.door.long_in_core(d.now) == std::vector{first, second});
    }
  }
}

SCENARIO("organizations take turns, and users in them") {
  door_desk d{small(1)};
  const auto running = d.ask(9, 9);
  const auto greedy_1 = d.ask(1, 1);
  const auto greedy_2 = d.ask(1, 1);
  const auto colleague = d.ask(2, 1);
  const auto other = d.ask(3, 2);
  auto order = std::vector{running};
  while (!d.tickets.empty()) {
    d.answer(order.back());
    for (const auto each : d.let_in()) order.push_back(each);
  }
  CHECK(order == std::vector{running, greedy_1, colleague, other, greedy_2});
}

SCENARIO("who asks seldom does not wait for those who ask all the time, and they get every second turn") {
  door_desk d{small(1)};
  auto running = d.ask(9, 9);
  const auto turn = [&] {
    d.answer(running);
    const auto in = d.let_in();
    REQUIRE(in.size() == 1);
    running = in.front();
    return running;
  };
  const auto first = d.ask(1, 1);  // of an organization that asks for more all the time
  const auto more_1 = d.ask(1, 1);
  const auto more_2 = d.ask(1, 1);
  REQUIRE(turn() == first);
  const auto a = d.ask(2, 2);
  const auto b = d.ask(3, 3);
  const auto c = d.ask(4, 4);
  std::vector<std::uint64_t> order;
  for (int i = 0; i < 5; ++i) order.push_back(turn());
  CHECK(order == std::vector{more_1, a, more_2, b, c});
}

TEST_CASE("a cancel goes before a user's other requests, in its own order") {
  door_desk d{small(1)};
  const auto running = d.ask(1, 1);
  const auto order = d.ask(1, 1);
  const auto cancel_1 = d.ask(1, 1, true);
  const auto cancel_2 = d.ask(1, 1, true);
  d.answer(running);
  CHECK(d.let_in() == std::vector{cancel_1});
  d.answer(cancel_1);
  CHECK(d.let_in() == std::vector{cancel_2});
  d.answer(cancel_2);
  CHECK(d.let_in() == std::vector{order});
}

SCENARIO("who is alone has the core for himself, who is not has his share") {
  door_desk d{small(16, 4)};
  WHEN("there is one user") {
    d.ask_many(20, 1, 1);
    THEN("all of it is his") { CHECK(d.in_core_of(1) == 16); }
  }
  WHEN("another organization was there in the last second") {
    d.answer(d.ask(2, 2));
    d.now.value += 1'000;
    d.ask_many(20, 1, 1);
    THEN("half of it is his") { CHECK(d.in_core_of(1) == 8); }
    THEN("a third user passes the line") { CHECK(d.in_core(d.ask(3, 3))); }
  }
  WHEN("that was longer ago") {
    d.answer(d.ask(2, 2));
    d.now.value += 2'000;
    d.ask_many(20, 1, 1);
    THEN("all of it is his") { CHECK(d.in_core_of(1) == 16); }
  }
  WHEN("many users were there") {
    for (std::int64_t user = 2; user < 30; ++user) d.answer(d.ask(user, user));
    d.ask_many(20, 1, 1);
    THEN("a user keeps the least share") { CHECK(d.in_core_of(1) == 4); }
  }
}

SCENARIO("who has two places has each of them again when the order in it is answered") {
  door_desk d{small(8, 2)};
  const auto stored = [&](std::uint64_t request) { d.door.stored(request, d.tickets.at(request), d.now); };
  for (std::int64_t other = 2; other <= 6; ++other) d.answer(d.ask(other, 2));
  const auto first = d.ask(1, 1);
  const auto second = d.ask(1, 1);
  const auto third = d.ask(1, 1);
  const auto fourth = d.ask(1, 1);
  const auto fifth = d.ask(1, 1);
  REQUIRE(d.in_core(first));
  REQUIRE(d.in_core(second));
  REQUIRE(d.in_line(third));
  stored(first);
  CHECK(d.let_in().empty());
  d.answer(first);
  CHECK(d.let_in() == std::vector{third});
  stored(second);
  stored(third);
  CHECK(d.let_in().empty());
  d.answer(third);
  CHECK(d.let_in() == std::vector{fourth});
  d.answer(second);
  CHECK(d.let_in() == std::vector{fifth});
}

SCENARIO("an order that is stored makes room, but not for the next of who wants more than his turn") {
  auto limits = small(2);
  limits.core.took_ms = 20;
  door_desk d{limits};
  const auto stored = [&](std::uint64_t request) { d.door.stored(request, d.tickets.at(request), d.now); };
  GIVEN("somebody else was there in the last second") {
    d.answer(d.ask(2, 2));
    const auto first = d.ask(1, 1);
    REQUIRE(d.in_core(first));
    WHEN("his order is stored while another one of his waits") {
      const auto second = d.ask(1, 1);
      REQUIRE(d.in_line(second));
      stored(first);
      REQUIRE(d.let_in().empty());
      THEN("that one enters when the first is answered") {
        d.answer(first);
        CHECK(d.let_in() == std::vector{second});
        AND_THEN("it has no second place") {
          const auto third = d.ask(1, 1);
          CHECK(d.in_line(third));
          CHECK(d.let_in().empty());
        }
      }
      THEN("it enters when the answer takes long") {
        d.now.value += 19;
        CHECK(d.let_in().empty());
        d.now.value += 1;
        CHECK(d.let_in() == std::vector{second});
        AND_THEN("the answer makes no second place") {
          const auto third = d.ask(1, 1);
          d.answer(first);
          CHECK(d.let_in().empty());
          CHECK(d.in_line(third));
        }
      }
      THEN("a cancel of his enters at once") {
        const auto cancel = d.ask(1, 1, true);
        CHECK(d.in_core(cancel));
        CHECK(d.in_line(second));
        AND_THEN("another one goes before what is not urgent") {
          const auto another = d.ask(1, 1, true);
          d.answer(first);
          d.answer(cancel);
          CHECK(d.let_in() == std::vector{another});
        }
      }
      THEN("the core has room for two of the others") {
        CHECK(d.in_core(d.ask(3, 3)));
        CHECK(d.in_core(d.ask(4, 4)));
      }
      THEN("one that gives up leaves nothing behind") {
        d.answer(second);
        d.answer(first);
        CHECK(d.in_core(d.ask(1, 1)));
      }
      THEN("an answer in time lets nothing of the next one's go when the time is over") {
        d.now.value += 15;
        d.answer(first);
        REQUIRE(d.let_in() == std::vector{second});
        const auto third = d.ask(1, 1);
        stored(second);
        d.now.value += 5;
        CHECK(d.let_in().empty());
        d.now.value += 15;
        CHECK(d.let_in() == std::vector{third});
      }
    }
    WHEN("his order is stored while nothing of his waits") {
      stored(first);
      THEN("his next one enters at once, and the answer makes no second place") {
        const auto second = d.ask(1, 1);
        const auto third = d.ask(1, 1);
        CHECK(d.in_core(second));
        d.answer(first);
        CHECK(d.let_in().empty());
        CHECK(d.in_line(third));
      }
    }
    WHEN("his order is stored while a cancel of his waits") {
      const auto cancel = d.ask(1, 1, true);
      REQUIRE(d.in_line(cancel));
      stored(first);
      REQUIRE(d.let_in() == std::vector{cancel});
      THEN("nothing is held when it has left") {
        d.door.leave_core(d.tickets.at(cancel), d.now);
        CHECK(d.in_core(d.ask(1, 1)));
      }
    }
    WHEN("his order is stored after so long that it does not count any more") {
      const auto second = d.ask(1, 1);
      d.door.leave_core(d.tickets.at(first), d.now);
      stored(first);
      THEN("the next one enters") { CHECK(d.let_in() == std::vector{second}); }
    }
    WHEN("he is answered when the order is stored, and waits for nothing") {
      const auto second = d.ask(1, 1);
      d.now.value += 3;
      d.door.answered_early(first, d.tickets.at(first), d.now);
      d.tickets.erase(first);
      THEN("his next one waits for as long again") {
        d.now.value += 2;
        CHECK(d.let_in().empty());
        d.now.value += 1;
        CHECK(d.let_in() == std::vector{second});
      }
      THEN("its credit is back") { CHECK(d.door.in_flight() == 1); }
      THEN("it counts when nothing else is there of him, and not for longer") {
        d.answer(second);
        const auto early = d.ask(1, 1);
        CHECK(d.in_line(early));
        d.answer(early);
        d.now.value += 3;
        CHECK(d.in_core(d.ask(1, 1)));
      }
    }
    WHEN("a cancel of his is stored while an order of his waits") {
      d.answer(first);
      const auto cancel = d.ask(1, 1, true);
      const auto order = d.ask(1, 1);
      REQUIRE(d.in_line(order));
      stored(cancel);
      THEN("it enters") { CHECK(d.let_in() == std::vector{order}); }
    }
  }
  GIVEN("he is alone") {
    const auto first = d.ask(1, 1);
    d.ask(1, 1);
    const auto third = d.ask(1, 1);
    REQUIRE(d.in_line(third));
    stored(first);
    THEN("each order that is stored makes room") { CHECK(d.let_in() == std::vector{third}); }
  }
}

TEST_CASE("what the core grew to for a crowd does not stay for one organization") {
  admission_limits limits;
  limits.core = {1, 16, 64, 25};
  door_desk d{limits};
  const auto answer_one = [&] {
    const auto found = std::find_if(d.tickets.begin(), d.tickets.end(),
                                    [](const auto& each) { return each.second.where == place::core; });
    d.answer(found->first);
    d.let_in();
  };
  for (std::int64_t user = 1; user <= 80; ++user) d.ask_many(8, user, user);
  for (int answers = 0; answers < 500; ++answers) answer_one();
  const auto grown = d.door.core_limit_now();
  REQUIRE(grown > 32);
  while (!d.tickets.empty()) answer_one();
  d.now.value += 2'000;
  d.answer(d.ask(99, 99));
  for (int answers = 0; answers < 2'000; ++answers) {
    d.now.value += answers % 10 == 0;
    d.ask(1 + answers % 40, 1);
    d.ask(99, 99);
    if (d.tickets.size() > 60) answer_one();
  }
  CHECK(d.door.core_limit_now() == 16);
}

TEST_CASE("the core grows when it is full, not when somebody's share is used up") {
  admission_limits limits;
  limits.core = {1, 16, 32, 25};
  limits.user_share = 4;
  const auto organizations = GENERATE(2, 5);  // the greedy one beside one that is seldom there; or five like him
  door_desk d{limits};
  for (std::int64_t other = 2; other <= 5; ++other) d.answer(d.ask(other, other));
  for (std::int64_t each = 1; each < organizations; ++each) d.ask_many(20, each, each);
  for (int answers = 0; answers < 64; ++answers) {
    for (const auto& [request, ticket] : d.tickets) {
      if (ticket.where != place::core) continue;
      d.ask(std::get<shard_credit>(ticket.held).user.value, std::get<shard_credit>(ticket.held).organization.value);
      d.answer(request);
      break;
    }
    d.let_in();
  }
  CHECK((d.door.core_limit_now() > 16) == (organizations == 5));
}

TEST_CASE("a refused request takes nothing, and who is refused all the time is told so late") {
  auto limits = small(1);
  limits.credits.per_user = 1;
  limits.refusals = 2;
  door_desk d{limits};
  REQUIRE(d.ask(1, 1) != 0);
  CHECK(d.ask(1, 1) == 0);
  CHECK(d.door.in_flight() == 1);
  CHECK(d.door.refusal_delay({1}, d.now) == 0);
  CHECK(d.door.refusal_delay({1}, d.now) == 0);
  const auto late = d.door.refusal_delay({1}, d.now);
  const auto later = d.door.refusal_delay({1}, d.now);
  CHECK(late != later);
  CHECK(std::min(late, later) >= limits.refusal_ms);
  CHECK(std::max(late, later) <= 2 * limits.refusal_ms);
  CHECK(d.door.refusal_delay({2}, d.now) == 0);  // somebody else
  d.now.value += 2'000;
  CHECK(d.door.refusal_delay({1}, d.now) == 0);
}

TEST_CASE("who is refused more is told later, up to a bound") {
  auto limits = small(1);
  limits.refusals = 2;
  limits.refusals_of_a_step = 10;
  limits.steps_max = 3;
  door_desk d{limits};
  // Of so many refusals in a second, the last; of as many users as it takes to see the least and the most.
  const auto is_step = [&](int refusals, std::int64_t step) {
    d.now.value += 2'000;
    std::vector<std::int64_t> last;
    for (std::int64_t user = 1; user <= 500; ++user) {
      for (int i = 1; i < refusals; ++i) d.door.refusal_delay({user}, d.now);
      last.push_back(d.door.refusal_delay({user}, d.now));
    }
    const auto [least, most] = std::minmax_element(last.begin(), last.end());
    const auto whole = step * limits.refusal_ms;
    return *least >= whole && *least < whole * 11 / 10 && *most > whole * 19 / 10 && *most <= whole * 2;
  };
  CHECK(is_step(9, 1));
  CHECK(is_step(10, 2));
  CHECK(is_step(19, 2));
  CHECK(is_step(20, 3));
  CHECK(is_step(300, 3));
  // A second later it is not forgotten how many those were.
  d.now.value += 1'000;
  for (int i = 0; i < limits.refusals; ++i) CHECK(d.door.refusal_delay({1}, d.now) == 0);
  CHECK(d.door.refusal_delay({1}, d.now) >= 3 * limits.refusal_ms);
}

TEST_CASE("services have no line") {
  door_desk d{small(1)};
  d.ask(1, 1);
  admission_ticket ticket;
  ticket.held = service_credit::broker;
  CHECK(d.door.take(99, ticket, false, d.now) == short_of::nothing);
  CHECK(ticket.where == place::beyond);
  d.door.give_back(99, ticket, d.now);
  CHECK(d.door.in_flight() == 1);
}

SCENARIO("the core's limit follows what the core takes") {
  core_limit limit{{8, 16, 32, 25}};
  const auto round_of = [&](std::int64_t ms, std::int32_t in_core, bool wanted_more) {
    for (auto left = limit.now(); left > 0; --left) limit.took(ms, in_core, wanted_more);
    return limit.now();
  };
  const auto round = [&](std::int64_t ms, bool wanted_more) { return round_of(ms, limit.now(), wanted_more); };
  WHEN("it is quick, and somebody waits") {
    CHECK(round(25, true) == 18);
    CHECK(round(1, true) == 20);
    THEN("it has an upper end") {
      for (int i = 0; i < 20; ++i) round(1, true);
      CHECK(limit.now() == 32);
    }
  }
  WHEN("it is quick, and nobody waits") { CHECK(round(1, false) == 16); }
  WHEN("it has risen, and less than three quarters of it are used") {
    for (int i = 0; i < 20; ++i) round(1, true);
    REQUIRE(limit.now() == 32);
    CHECK(round_of(1, 24, false) == 32);
    CHECK(round_of(1, 23, false) == 28);
    THEN("one at which more were in there keeps it") {
      limit.took(1, 21, false);
      CHECK(round_of(1, 1, false) == 28);
    }
    THEN("it falls to what it was at first") {
      for (int i = 0; i < 20; ++i) round_of(1, 1, false);
      CHECK(limit.now() == 16);
    }
  }
  WHEN("it has fallen, and less than three quarters of it are used") {
    round(26, true);
    THEN("it stays where it is") { CHECK(round_of(1, 1, false) == 14); }
  }
  WHEN("it is slow") {
    CHECK(round(26, true) == 14);
    AND_WHEN("its commits alone take that long") {
      limit.commit_takes(100);
      CHECK(round(200, true) == 15);
      CHECK(round(201, true) == 14);
    }
    THEN("it has a lower end") {
      for (int i = 0; i < 20; ++i) round(500, true);
      CHECK(limit.now() == 8);
    }
  }
}
