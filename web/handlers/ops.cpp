#include "web/handlers/handlers.hpp"
#include "web/order_form.hpp"
#include "web/rendering.hpp"

namespace sb::web::handlers {
namespace {

constexpr std::int64_t depth_default = 16;

const tree_node* find_node(const tree_node& from, std::string_view id) {
  if (from.id == id) return &from;
  for (const auto& child : from.children) {
    if (const auto* found = find_node(child, id)) return found;
  }
  return nullptr;
}

void answer_health(const request_ptr& request, int status, std::string_view word) {
  json_writer out;
  out.begin_object()
      .member("status", word)
      .member("version", std::string_view{request->services.settings.version})
      .end_object();
  request->respond(status, std::move(out));
}

/// The broker has no such order: an order of ours that never reached it takes no fills, any other id is unknown.
void refuse_fill_of_absent(const request_ptr& request) {
  request->services.database.find_order(
      std::string{request->body.text("order")},
      on_read<std::optional<order_record>>(request, [request](std::optional<order_record> found) {
        request->refuse(found ? problem_code::order_closed : problem_code::order_not_found);
      }));
}

}  // namespace

void fill_paper_order(const request_ptr& request) {
  const auto& body = request->body;
  const order_id order{body.text("order")};
  if (!is_order_id(order)) return request->refuse(problem_code::order_not_found);
  request->order_names = {{"order_id", order}};
  auto key = read_idempotency_key(request->http);
  if (auto* why = std::get_if<problem>(&key)) return request->refuse(std::move(*why));
  ::sb::paper_fill fill;
  fill.order = order;
  fill.quantity = body.integer("quantity");
  fill.price = body.amount("price");
  // Without a key each request is a fill of its own: two equal ones may be meant.
  fill.execution_id = std::get<std::optional<std::string>>(std::move(key)).value_or("");
  request->services.entities.paper_fill(
      std::move(fill), request->services.settings.client_wait_ms, [request](sb::answer&& told) {
        request->guarded([&] {
          if (const auto* filled = std::get_if<sb::fill_answer>(&told)) {
            if (filled->order.replayed) request->headers.emplace_back("Idempotent-Replayed", "true");
            json_writer out;
            out.begin_object().member("order_id", std::string_view{filled->order.id});
            out.member("fill_id", std::string_view{filled->fill.fill_id});
            out.member("quantity", filled->fill.quantity).member("price", filled->fill.price).end_object();
            return request->respond(200, std::move(out));
          }
          const auto* why = std::get_if<rejected>(&told);
          if (why != nullptr && why->why == rejection::not_found) return refuse_fill_of_absent(request);
          request->refuse(problem_for(why != nullptr ? *why : rejected{}, entity_kind::order));
        });
      });
}

void show_supervision(const request_ptr& request) {
  request->services.entities.supervision([request](sb::tree_node&& root) {
    request->guarded([&] {
      const auto& query = request->query;
      const auto* from = query.has("under") ? find_node(root, query.text("under")) : &root;
      if (from == nullptr) return request->refuse(problem_code::actor_not_found);
      json_writer out;
      write_tree(out, *from, query.integer_or("depth", depth_default));
      request->respond(200, std::move(out));
    });
  });
}

void restart_actor(const request_ptr& request) {
  const std::string id{request->id};
  request->services.entities.restart_actor(id, request->context, [request, id](restart_outcome what) {
    request->guarded([&] {
      if (what == restart_outcome::no_such_actor) return request->refuse(problem_code::actor_not_found);
      if (what == restart_outcome::unknown) {
        return request->refuse(problem_code::state_not_ready,
                               "A part of the node restarted while it was asked; look before you repeat.");
      }
      json_writer out;
      out.begin_object().member("id", std::string_view{id}).member("restarting", true).end_object();
      request->respond(202, std::move(out));
    });
  });
}

void show_live(const request_ptr& request) { answer_health(request, 200, "live"); }

void show_ready(const request_ptr& request) {
  const bool ready = request->services.entities.ready();
  if (!ready) request->headers.emplace_back("Retry-After", "1");
  answer_health(request, ready ? 200 : 503, ready ? "ready" : "not_ready");
}

void show_metrics(const request_ptr& request) {
  http_response response;
  response.content_type = metrics::content_type;
  response.body = request->services.counters.expose();
  request->respond(std::move(response));
}

}  // namespace sb::web::handlers
