#include "handlers_fixture.hpp"

#include <catch2/catch.hpp>
#include <charconv>

#include "actors/protocol/order_key.hpp"

namespace sb::web::testing {
namespace {

const signing_key& test_key() {
  static const auto key = signing_key::generate();
  return key;
}

token_issuer test_issuer() { return token_issuer{{"https://issuer.example", "stocksblitz", 900}, test_key()}; }

std::shared_ptr<const instrument_master> test_instruments() {
  auto parsed = parse_instruments(
      "exchange,symbol,lot,tick,freeze_quantity,price_band_percent,reference_price\n"
      "NSE,SBIN,1,0.05,1000,20,500.00\n"
      "NSE,NIFTY_FUT,50,0.05,0,0,21000.00\n");
  REQUIRE(parsed.mistakes.empty());
  return std::make_shared<const instrument_master>(std::move(parsed.master));
}

std::int64_t number_of(const entity_key& key) {
  std::int64_t value = 0;
  std::from_chars(key.id.data(), key.id.data() + key.id.size(), value);
  return value;
}

std::vector<name_value> query_of(std::string_view text) {
  std::vector<name_value> query;
  while (!text.empty()) {
    const auto pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const auto equals = pair.find('=');
    query.emplace_back(pair.substr(0, equals), equals == std::string_view::npos ? "" : pair.substr(equals + 1));
  }
  return query;
}

/// As the client sees them: each one a field like the others.
void spread_standing(http_response& response) {
  auto text = std::exchange(response.standing, {});
  while (!text.empty()) {
    const auto line = text.substr(0, text.find("\r\n"));
    const auto colon = line.find(": ");
    REQUIRE(colon != std::string_view::npos);
    response.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    text.remove_prefix(line.size() + 2);
  }
}

class kept_response final : public response_slot {
 public:
  explicit kept_response(reply& into) : into_{into} {}

 private:
  void deliver(http_response&& response) override {
    ++into_.answers;
    into_.response = std::move(response);
    spread_standing(into_.response);
  }
  reply& into_;
};

}  // namespace

void scripted_entities::ask(const entity_key& to, message body, const request_context& context, std::int64_t wait_ms,
                            on_answer done) {
  auto told = answer_of(to, body);
  asked.push_back({to, std::move(body), context, wait_ms});
  soon_.push([done = std::move(done), told = std::move(told)]() mutable { done(std::move(told)); });
}

sb::answer scripted_entities::answer_of(const entity_key& to, const message& body) {
  if (refuse_all) return rejected{*refuse_all, "scripted"};
  const rejected not_found{rejection::not_found, "scripted"};
  const auto number = number_of(to);
  switch (to.kind) {
    case entity_kind::user: {
      if (const auto* made = std::get_if<create_user>(&body)) users[{to.organization, {number}}] = made->roles;
      const auto found = users.find({to.organization, {number}});
      if (found == users.end()) return not_found;
      return user_answer{{{number}, found->second, true, true, 1, test_now}};
    }
    case entity_kind::organization: {
      if (const auto* made = std::get_if<create_organization>(&body)) organizations[to.organization] = made->name;
      const auto found = organizations.find(to.organization);
      if (found == organizations.end()) return not_found;
      return organization_answer{{to.organization, found->second, true, 1, test_now}};
    }
    case entity_kind::account: {
      if (const auto* made = std::get_if<open_account>(&body)) accounts[{to.organization, {number}}] = made->name;
      const auto found = accounts.find({to.organization, {number}});
      if (found == accounts.end()) return not_found;
      return account_answer{{{number}, found->second, "paper", true, 1, test_now}};
    }
    case entity_kind::book:
      return book_answer(to.organization, body);
    case entity_kind::order: {
      if (on_order) return on_order(to, body);
      if (const auto* placed = std::get_if<place_order>(&body)) {
        auto told = working_order(to.id, placed->command.user);
        told.order.command = placed->command;
        orders[to.id] = told;
        return told;
      }
      const auto found = orders.find(to.id);
      if (found == orders.end() || to.organization != alpha) return not_found;
      if (std::holds_alternative<cancel_order>(body)) found->second.order.status = order_status::canceled;
      return found->second;
    }
  }
  return not_found;
}

sb::answer scripted_entities::book_answer(organization_id organization, const message& body) {
  const auto grant_of = [&](user_id user) {
    const auto found = grants.find({organization, user});
    permission_grant none;
    none.user = user;
    return found == grants.end() ? none : found->second;
  };
  if (const auto* set = std::get_if<set_permissions_request>(&body)) {
    grants[{organization, set->what.grant.user}] = set->what.grant;
    return permissions_answer{set->what.grant};
  }
  if (const auto* get = std::get_if<get_permissions>(&body)) return permissions_answer{grant_of(get->user)};
  if (const auto* ask = std::get_if<check_permission_request>(&body)) {
    const auto grant = grant_of(ask->user);
    const bool flag = ask->action == trade_action::place_order    ? grant.place_order
                      : ask->action == trade_action::cancel_order ? grant.cancel_order
                                                                  : grant.view;
    if (flag) return permission_checked{true, std::nullopt};
    sb::violation why;
    why.failed = sb::check::permission;
    why.scope = {scope_kind::user, ask->user.value};
    why.word = word(ask->action);
    return permission_checked{false, why};
  }
  if (std::holds_alternative<validate_order>(body)) return validate_answer{check};
  if (const auto* set = std::get_if<set_limits_request>(&body)) {
    if (set->if_version && *set->if_version != limits.limits_version)
      return rejected{rejection::version_conflict, "moved on"};
    limits.limits[set->what.scope] = set->what.limits;
    ++limits.limits_version;
  }
  return limits;
}

void scripted_entities::last_price(const std::string&, const std::string&, on_answer done) {
  soon_.push([done = std::move(done), told = price_answer{price, priced_at}] { done(price_answer{told}); });
}

void scripted_entities::paper_fill(sb::paper_fill what, std::int64_t, on_answer done) {
  auto told = fill;
  fills_asked.push_back(what);
  if (auto* good = std::get_if<fill_answer>(&told)) {
    good->order.id = what.order;
    good->fill.quantity = std::min(good->fill.quantity, what.quantity);
    good->fill.price = what.price;
  }
  soon_.push([done = std::move(done), told = std::move(told)]() mutable { done(std::move(told)); });
}

void scripted_entities::supervision(std::function<void(tree_node&&)> done) {
  soon_.push([done = std::move(done), copy = tree]() mutable { done(std::move(copy)); });
}

void scripted_entities::restart_actor(const std::string& id, const request_context&,
                                      std::function<void(restart_outcome)> done) {
  restarted = id;
  const auto what = refuse_all      ? restart_outcome::unknown
                    : id == tree.id ? restart_outcome::under_way
                                    : restart_outcome::no_such_actor;
  soon_.push([done = std::move(done), what] { done(what); });
}

void scripted_database::verify_login(const std::string& email, const std::string& password,
                                     on_result<std::optional<login_record>> done) {
  const auto found = logins.find(email);
  const bool good = found != logins.end() && found->second.password == password;
  tell<std::optional<login_record>>(std::move(done), good ? std::optional{found->second.who} : std::nullopt);
}
void scripted_database::find_person(organization_id organization, user_id user,
                                    on_result<std::optional<person_record>> done) {
  const auto found = persons.find({organization, user});
  tell<std::optional<person_record>>(std::move(done),
                                     found == persons.end() ? std::nullopt : std::optional{found->second});
}
void scripted_database::list_persons(organization_id organization, user_id after, std::int32_t limit,
                                     on_result<std::vector<person_record>> done) {
  std::vector<person_record> page;
  for (const auto& [key, person] : persons) {
    if (key.first == organization && key.second > after && page.size() < static_cast<std::size_t>(limit))
      page.push_back(person);
  }
  tell(std::move(done), std::move(page));
}
void scripted_database::claim_email(const std::string& email, organization_id, user_id user, on_result<bool> done) {
  tell(std::move(done), claims.emplace(email, user).first->second == user);
}
void scripted_database::store_person(const person_record& person, const std::string& password, on_result<bool> done) {
  persons[{person.organization, person.user}] = person;
  logins[person.email] = {{person.organization, person.user}, password};
  tell(std::move(done), true);
}
void scripted_database::store_session(const std::string& token_id, organization_id, user_id, wall_ms, wall_ms,
                                      on_result<bool> done) {
  sessions.push_back(token_id);
  tell(std::move(done), true);
}
void scripted_database::end_session(const std::string& token_id, organization_id, user_id, wall_ms,
                                    on_result<wall_ms> done) {
  if (!unavailable) ended.push_back(token_id);
  tell(std::move(done), wall_ms{test_now.value - 1'000});
}
void scripted_database::next_id(const std::string&, on_result<std::int64_t> done) { tell(std::move(done), ++last_id); }
void scripted_database::list_orders(const order_filter& wanted, on_result<std::vector<order_record>> done) {
  filter = wanted;
  ++lists_read;
  if (when_read) when_read();
  auto page = orders;
  if (page.size() > static_cast<std::size_t>(wanted.limit)) page.resize(static_cast<std::size_t>(wanted.limit));
  tell(std::move(done), std::move(page));
}
void scripted_database::find_order(const order_id&, on_result<std::optional<order_record>> done) {
  tell<std::optional<order_record>>(std::move(done), std::nullopt);
}
void scripted_database::count_orders(organization_id, std::optional<user_id> user, trading_day day,
                                     on_result<std::int64_t> done) {
  counted = user;
  counted_day = day;
  tell<std::int64_t>(std::move(done), 7);
}
void scripted_database::list_positions(organization_id, account_id, on_result<std::vector<position_record>> done) {
  tell(std::move(done), positions);
}
void scripted_database::timeline(organization_id, const order_id&, on_result<std::vector<timeline_record>> done) {
  tell(std::move(done), events);
}

std::string reply::header(std::string_view name) const {
  for (const auto& [field, value] : response.headers)
    if (field == name) return value;
  return "absent";
}

std::string reply::at(std::string_view pointer) const {
  const auto* value = &body;
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const auto token = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(token.size());
    if (value->kind() == json_kind::array) {
      std::size_t index = 0;
      std::from_chars(token.data(), token.data() + token.size(), index);
      if (index >= value->children().size()) return "absent";
      value = &value->children()[index];
    } else {
      value = value->find(token);
      if (value == nullptr) return "absent";
    }
  }
  switch (value->kind()) {
    case json_kind::null:
      return "null";
    case json_kind::boolean:
      return value->boolean() ? "true" : "false";
    case json_kind::number:
    case json_kind::string:
      return value->text();
    case json_kind::array:
    case json_kind::object:
      return '[' + std::to_string(value->children().size()) + ']';
  }
  return {};
}

api_world::api_world()
    : subject{api_settings{}, entities,           database, test_issuer(),
              test_key(),     test_instruments(), counters, [this] { return now; }} {
  entities.organizations = {{alpha, "Alpha"}, {beta, "Beta"}};
  entities.accounts = {{{alpha, alpha_account}, "Alpha 1"}, {{beta, beta_account}, "Beta 1"}};
  for (const auto user : {trader, colleague}) entities.users[{alpha, user}] = roles({role::trader});
  entities.users[{alpha, admin}] = roles({role::admin});
  entities.users[{beta, stranger}] = roles({role::trader});
  for (const auto& [key, set] : entities.users)
    database.persons[key] = {key.first, key.second, "u" + std::to_string(key.second.value) + "@example.com",
                             "Somebody"};
}

reply api_world::operator()(const call& what) {
  http_request request;
  request.method = what.method;
  request.target = what.target;
  request.path = what.target.substr(0, what.target.find('?'));
  if (const auto mark = what.target.find('?'); mark != std::string::npos)
    request.query = query_of(what.target.substr(mark + 1));
  request.headers = what.headers;
  const bool typed = request.header("content-type") != nullptr;
  if (!what.body.empty() && !typed) request.headers.emplace_back("content-type", "application/json");
  if (!what.token.empty()) request.headers.emplace_back("authorization", "Bearer " + what.token);
  request.body = what.body;
  request.listener = what.listener;
  request.names = ids.of(request);
  reply got;
  subject.handle(std::move(request), responder{std::make_shared<kept_response>(got)});
  soon.run();
  REQUIRE(got.answers == 1);
  json_limits limits;
  limits.bytes_max = 1 << 20;
  limits.depth_max = 64;
  auto parsed = parse_json(got.response.body, limits);
  if (auto* value = std::get_if<json_value>(&parsed)) got.body = std::move(*value);
  return got;
}

std::string api_world::token(user_id user, organization_id organization, std::vector<std::string> roles) const {
  token_claims claims;
  claims.user = user;
  claims.organization = organization;
  claims.roles = std::move(roles);
  return test_issuer().issue(claims, now).text;
}

std::string order_body(const std::string& more, const std::string& without) {
  const std::vector<name_value> members{{"trading_account_id", "11"}, {"exchange", R"("NSE")"},
                                        {"symbol", R"("SBIN")"},      {"trade_type", R"("BUY")"},
                                        {"order_type", R"("LIMIT")"}, {"product_type", R"("INTRADAY")"},
                                        {"quantity", "10"},           {"price", "500.05"}};
  std::string body{"{"};
  for (const auto& [name, value] : members) {
    if (without.find(name) != std::string::npos) continue;
    body += body.size() > 1 ? ",\"" : "\"";
    body.append(name).append("\":").append(value);
  }
  return body + (more.empty() ? "" : (body.size() > 1 ? "," : "") + more) + '}';
}

order_answer working_order(const order_id& id, user_id owner) {
  order_answer told;
  told.id = id;
  auto& order = told.order;
  order.status = order_status::new_;
  order.command.organization = alpha;
  order.command.account = alpha_account;
  order.command.user = owner;
  order.command.client_order_id = "c-1";
  order.command.exchange = "NSE";
  order.command.symbol = "SBIN";
  order.command.quantity = 10;
  order.command.price = {5'000'500};
  order.broker_order_id = "P1";
  order.version = 2;
  order.created_at = test_now;
  order.updated_at = test_now;
  order.day = day_of(test_now, 330);
  told.held = {50'005'000};
  return told;
}

}  // namespace sb::web::testing
