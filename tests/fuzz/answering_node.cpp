#include "tests/fuzz/answering_node.hpp"

#include <utility>

#include "tests/fuzz/targets.hpp"
#include "web/auth/signing_key.hpp"
#include "web/auth/token_issuer.hpp"

namespace sb::fuzz {
namespace {

using namespace web;

constexpr wall_ms now_ms{1'705'312'800'000};
constexpr std::size_t turns_max = 10'000;
constexpr user_id trader{101};

std::string text_of(organization_id organization, std::string_view plain) {
  return organization == own ? std::string{plain} : std::string{canary} + std::string{plain};
}

std::int64_t number_of(const entity_key& key) {
  std::int64_t value = 0;
  for (const char c : key.id) value = c >= '0' && c <= '9' && value < 1'000'000'000 ? value * 10 + (c - '0') : value;
  return value;
}

order_answer order_of(organization_id organization, const order_id& id) {
  order_answer told;
  told.id = id;
  auto& order = told.order;
  order.status = order_status::new_;
  order.command.organization = organization;
  order.command.account = {11};
  order.command.user = trader;
  order.command.client_order_id = "c-1";
  order.command.exchange = "NSE";
  order.command.symbol = "SBIN";
  order.command.quantity = 10;
  order.command.price = {5'000'500};
  order.command.comments = text_of(organization, "first");
  order.broker_order_id = "P1";
  order.version = 2;
  order.created_at = now_ms;
  order.updated_at = now_ms;
  order.day = day_of(now_ms, 330);
  told.held = {50'005'000};
  return told;
}

answer book_answer(const message& body) {
  permission_grant grant;
  grant.view = true;
  if (const auto* set = std::get_if<set_permissions_request>(&body)) return permissions_answer{set->what.grant};
  if (const auto* get = std::get_if<get_permissions>(&body)) {
    grant.user = get->user;
    return permissions_answer{grant};
  }
  if (const auto* check = std::get_if<check_permission_request>(&body)) {
    if (check->action != trade_action::cancel_order) return permission_checked{true, std::nullopt};
    violation why;
    why.failed = check::permission;
    why.scope = {scope_kind::user, check->user.value};
    why.word = word(check->action);
    return permission_checked{false, why};
  }
  if (std::holds_alternative<validate_order>(body)) return validate_answer{};
  limits_answer told;
  told.limits_version = 3;
  told.usage[{scope_kind::user, trader.value}] = {{10'000}, {20'000}, 1, 1};
  told.limits[{scope_kind::account, 11}] = {{limit_type::open_orders, 5, {}},
                                            {limit_type::allowed_symbols, 0, {"SBIN"}}};
  if (const auto* set = std::get_if<set_limits_request>(&body)) {
    if (set->if_version && *set->if_version != told.limits_version)
      return rejected{rejection::version_conflict, "moved on"};
    told.limits[set->what.scope] = set->what.limits;
  }
  return told;
}

answer present_answer(const entity_key& to, message& body) {
  const auto number = number_of(to);
  switch (to.kind) {
    case entity_kind::user:
      return user_answer{{{number}, roles({role::trader}), true, true, 1, now_ms}};
    case entity_kind::organization:
      return organization_answer{{to.organization, text_of(to.organization, "Capital"), true, 1, now_ms}};
    case entity_kind::account:
      // Numbers below 20 are accounts of our own organization, the others of the other one.
      if ((number < 20) != (to.organization == own)) return rejected{rejection::not_found, ""};
      return account_answer{{{number}, text_of(to.organization, "Account"), "paper", true, 1, now_ms}};
    case entity_kind::book:
      return book_answer(body);
    case entity_kind::order: {
      auto told = order_of(to.organization, to.id);
      if (auto* placed = std::get_if<place_order>(&body)) {
        told.order.command = std::move(placed->command);
        told.order.status = placed->wait_ms == 0 ? order_status::pending_new : order_status::new_;
      }
      if (std::holds_alternative<cancel_order>(body)) told.order.status = order_status::canceled;
      return told;
    }
  }
  return rejected{rejection::not_found, ""};
}

answer answer_in(mood now, answer&& present) {
  switch (now) {
    case mood::present:
      return std::move(present);
    case mood::absent:
      return rejected{rejection::not_found, "scripted"};
    case mood::overloaded:
      return rejected{rejection::overloaded, "scripted"};
    case mood::unavailable:
      return rejected{rejection::storage_unavailable, "scripted"};
  }
  return rejected{};
}

class one_answer final : public response_slot {
 public:
  explicit one_answer(std::optional<http_response>& into) : into_{into} {}

 private:
  void deliver(http_response&& response) override { into_ = std::move(response); }
  std::optional<http_response>& into_;
};

}  // namespace

void later::run() {
  for (std::size_t turns = 0; !due_.empty(); ++turns) {
    must(turns < turns_max, "a request comes to its end");
    const auto work = std::move(due_.front());
    due_.pop_front();
    work();
  }
}

void answering_entities::tell(on_answer done, answer&& told) {
  soon_.push([done = std::move(done), told = answer_in(now, std::move(told))]() mutable { done(std::move(told)); });
}

void answering_entities::ask(const entity_key& to, message body, const request_context&, std::int64_t, on_answer done) {
  asked_of_other = asked_of_other || to.organization != own;
  tell(std::move(done), present_answer(to, body));
}
void answering_entities::last_price(const std::string&, const std::string&, on_answer done) {
  tell(std::move(done), price_answer{{5'000'000}, now_ms});
}
void answering_entities::paper_fill(sb::paper_fill fill, std::int64_t, on_answer done) {
  fill_answer told;
  told.order = order_of(own, fill.order);
  told.fill = {"F-1", fill.quantity, fill.price, now_ms};
  tell(std::move(done), std::move(told));
}
void answering_entities::supervision(std::function<void(tree_node&&)> done) {
  tree_node root;
  root.id = "n1";
  root.kind = "supervisor";
  root.children.push_back(root);
  root.children.front().id = "n1/router";
  soon_.push([done = std::move(done), root = std::move(root)]() mutable { done(std::move(root)); });
}
void answering_entities::restart_actor(const std::string& id, const request_context&,
                                       std::function<void(restart_outcome)> done) {
  const auto what = now != mood::present ? restart_outcome::unknown
                    : id == "n1/router"  ? restart_outcome::under_way
                                         : restart_outcome::no_such_actor;
  soon_.push([done = std::move(done), what] { done(what); });
}

template <class T>
void answering_database::tell(on_result<T> done, T value) {
  const bool gone = now == mood::unavailable || now == mood::overloaded;
  if (now != mood::present) value = T{};
  soon_.push([done = std::move(done), value = std::move(value), gone]() mutable { done({std::move(value), gone}); });
}

void answering_database::verify_login(const std::string&, const std::string& password,
                                      on_result<std::optional<login_record>> done) {
  tell(std::move(done), password == "correct horse" ? std::optional{login_record{own, trader}} : std::nullopt);
}
void answering_database::find_person(organization_id organization, user_id user,
                                     on_result<std::optional<person_record>> done) {
  note(organization);
  tell(std::move(done), std::optional{person_record{organization, user, text_of(organization, "somebody@example.com"),
                                                    text_of(organization, "Somebody")}});
}
void answering_database::list_persons(organization_id organization, user_id after, std::int32_t limit,
                                      on_result<std::vector<person_record>> done) {
  note(organization);
  std::vector<person_record> page;
  for (std::int64_t number = 0; number < std::min(limit, 3); ++number)
    page.push_back({organization, {1 + number}, text_of(organization, "somebody@example.com"), ""});
  if (after.value > 100) page.clear();
  tell(std::move(done), std::move(page));
}
void answering_database::claim_email(const std::string& email, organization_id organization, user_id,
                                     on_result<bool> done) {
  note(organization);
  tell(std::move(done), !email.starts_with("taken"));
}
void answering_database::store_person(const person_record& person, const std::string&, on_result<bool> done) {
  note(person.organization);
  tell(std::move(done), true);
}
void answering_database::store_session(const std::string&, organization_id, user_id, wall_ms, wall_ms,
                                       on_result<bool> done) {
  tell(std::move(done), true);
}
void answering_database::end_session(const std::string&, organization_id, user_id, wall_ms, on_result<wall_ms> done) {
  tell(std::move(done), wall_ms{1});
}
void answering_database::next_id(const std::string&, on_result<std::int64_t> done) {
  tell(std::move(done), std::int64_t{12});
}
void answering_database::list_orders(const order_filter& filter, on_result<std::vector<order_record>> done) {
  note(filter.organization);
  std::vector<order_record> page;
  for (std::int32_t number = 0; number < std::min(filter.limit, 3); ++number) {
    const auto one = order_of(filter.organization, "ORD" + std::string(29, static_cast<char>('A' + number)));
    page.push_back({one.id, filter.organization, one.order});
  }
  tell(std::move(done), std::move(page));
}
void answering_database::find_order(const order_id& order, on_result<std::optional<order_record>> done) {
  tell(std::move(done), std::optional{order_record{order, own, order_of(own, order).order}});
}
void answering_database::count_orders(organization_id organization, std::optional<user_id>, trading_day,
                                      on_result<std::int64_t> done) {
  note(organization);
  tell(std::move(done), std::int64_t{3});
}
void answering_database::list_positions(organization_id organization, account_id,
                                        on_result<std::vector<position_record>> done) {
  note(organization);
  position_record held;
  held.exchange = "NSE";
  held.symbol = "SBIN";
  held.net_quantity = -5;
  held.average_price = {5'000'000};
  held.day = day_of(now_ms, 330);
  tell(std::move(done), std::vector{held});
}
void answering_database::timeline(organization_id organization, const order_id&,
                                  on_result<std::vector<timeline_record>> done) {
  note(organization);
  timeline_record one;
  one.seq = 1;
  one.version = 1;
  one.at = now_ms;
  one.event.type = "order.accepted";
  one.event.body = R"({"broker_order_id":"P1"})";
  tell(std::move(done), std::vector{one});
}

answering_node::answering_node() {
  const auto key = signing_key::generate();
  const token_issuer issuer{{"https://issuer.example", "stocksblitz", 900}, key};
  auto parsed = parse_instruments(
      "exchange,symbol,lot,tick,freeze_quantity,price_band_percent,reference_price\n"
      "NSE,SBIN,1,0.05,1000,20,500.00\n"
      "NSE,NIFTY_FUT,50,0.05,0,0,21000.00\n");
  must(parsed.mistakes.empty(), "the instruments are well formed");
  for (std::size_t number = 0; number < role_count; ++number) {
    const auto who = static_cast<role>(number);
    token_claims claims;
    claims.user = who == role::trader ? trader : user_id{200 + static_cast<std::int64_t>(number)};
    claims.organization = own;
    claims.roles = {std::string{word(who)}};
    tokens_[who] = issuer.issue(claims, now_ms).text;
  }
  subject_ = std::make_unique<api>(api_settings{}, entities_, database_, issuer, key,
                                   std::make_shared<const instrument_master>(std::move(parsed.master)), counters_,
                                   [] { return now_ms; });
}

std::optional<role> answering_node::role_of(std::string_view text) {
  if (!text.starts_with('@')) return std::nullopt;
  return role_from(text.substr(1));
}

answering_node::told answering_node::operator()(http_request&& request, mood now) {
  entities_.now = database_.now = now;
  entities_.asked_of_other = database_.asked_of_other = false;
  std::optional<http_response> response;
  subject_->handle(std::move(request), responder{std::make_shared<one_answer>(response)});
  soon_.run();
  must(response.has_value(), "every request is answered");
  return {std::move(*response), entities_.asked_of_other || database_.asked_of_other};
}

}  // namespace sb::fuzz
