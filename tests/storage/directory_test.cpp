#include "storage/postgres/directory.hpp"

#include <algorithm>

#include "journal_worlds.hpp"

namespace {

using namespace sb;
using namespace sb::test;
using namespace sb::postgres;
namespace directory = sb::postgres::directory;

const node_identity self{"node-a", 7};

instant soon() { return from_now(generous); }

}  // namespace

TEST_CASE("an e-mail address belongs to one user", "[directory]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  connection database{world.conninfo(), self, plans::generic};
  using directory::email_claim;
  CHECK(directory::claim_email(database, "Asha@Example.com", {7}, {12}, {100}, soon()) == email_claim::claimed);
  CHECK(directory::claim_email(database, "asha@example.COM", {7}, {13}, {100}, soon()) == email_claim::taken);
  CHECK(directory::claim_email(database, "asha@example.com", {8}, {12}, {100}, soon()) == email_claim::taken);
  CHECK(directory::claim_email(database, "asha@example.com", {7}, {12}, {150}, soon()) ==
        email_claim::claimed);  // again

  SECTION("an unconfirmed claim expires, counted from its last renewal") {
    CHECK(directory::release_orphan_claims(database, {150}, soon()) == 0);
    CHECK(directory::release_orphan_claims(database, {151}, soon()) == 1);
    CHECK(directory::claim_email(database, "asha@example.com", {8}, {99}, {200}, soon()) == email_claim::claimed);
    CHECK_FALSE(directory::confirm_email(database, "asha@example.com", {7}, {12}, soon()));
  }
  SECTION("a confirmed one stays") {
    CHECK_FALSE(directory::confirm_email(database, "asha@example.com", {7}, {13}, soon()));
    CHECK(directory::confirm_email(database, "ASHA@example.com", {7}, {12}, soon()));
    CHECK(directory::release_orphan_claims(database, {1'000'000}, soon()) == 0);
    CHECK(directory::claim_email(database, "asha@example.com", {8}, {99}, {200}, soon()) == email_claim::taken);
  }
}

TEST_CASE("persons and log-ins", "[directory]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  connection database{world.conninfo(), self, plans::generic};
  const directory::person asha{{7}, {12}, "Asha@Example.com", "Asha \"A\" R\xC3\xA3o", "+91 1"};
  const directory::person ravi{{7}, {11}, "ravi@example.com", "Ravi", ""};
  const directory::person other{{8}, {13}, "o@example.com", "O", ""};
  for (const auto& who : {asha, ravi, other}) {
    CHECK(directory::claim_email(database, who.email, who.organization, who.user, {1}, soon()) ==
          directory::email_claim::claimed);
    directory::save_person(database, who, "hash-" + who.email, {1}, soon());
  }
  CHECK_FALSE(directory::find_login(database, "asha@example.com", soon()));  // not confirmed yet
  REQUIRE(directory::confirm_email(database, asha.email, {7}, {12}, soon()));
  CHECK(directory::find_login(database, "ASHA@example.com", soon()) ==
        directory::login{{7}, {12}, "hash-Asha@Example.com"});
  CHECK_FALSE(directory::find_login(database, "nobody@example.com", soon()));

  CHECK(directory::find_person(database, {7}, {12}, soon()) == asha);
  CHECK_FALSE(directory::find_person(database, {8}, {12}, soon()));
  CHECK(directory::list_persons(database, {7}, soon()) == std::vector<directory::person>{ravi, asha});

  directory::save_person(database, asha, "new-hash", {2}, soon());
  CHECK(directory::find_login(database, asha.email, soon())->password_hash == "new-hash");
}

TEST_CASE("a session that was ended stays so until its token has expired", "[directory]") {
  if (!postgres_world::available()) return;
  postgres_world world;
  connection database{world.conninfo(), self, plans::generic};
  using ended = std::vector<directory::ended_session>;
  for (const auto* token : {"t1", "t2", "t3"})
    directory::create_session(database, token, {7}, {12}, {1}, {1000}, soon());
  CHECK(directory::ended_sessions(database, {0}, {0}, soon()).empty());
  const auto end = [&](const char* token, std::int64_t expires) {
    return directory::end_session(database, token, {7}, {12}, {expires}, soon());
  };
  const auto first = end("t1", 1'000);
  end("t2", 1'000);
  CHECK(end("t1", 1'000) == first);                                           // again
  directory::create_session(database, "t1", {7}, {12}, {1}, {1000}, soon());  // does not come back to life
  const auto last = end("never-stored", 2'000);
  CHECK(first.value > 1'700'000'000'000);
  const auto all = directory::ended_sessions(database, first, {0}, soon());
  REQUIRE(all.size() == 3);
  CHECK(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.ended_at < b.ended_at; }));
  CHECK(directory::ended_sessions(database, {last.value + 1}, {0}, soon()).empty());
  const ended young{{"never-stored", {2'000}, last}};
  CHECK(directory::ended_sessions(database, {0}, {1000}, soon()) == young);
  CHECK(directory::forget_sessions(database, {1001}, soon()) == 3);
  CHECK(directory::ended_sessions(database, {0}, {0}, soon()) == young);
}
