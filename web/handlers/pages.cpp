#include "web/handlers/handlers.hpp"

namespace sb::web::handlers {
namespace {

constexpr std::string_view page_before_version = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stocksblitz</title>
<style>
:root { color-scheme: light dark; --ink: #1c2430; --quiet: #5b6675; --ground: #f5f6f8; --card: #fff; --line: #d9dee5; --accent: #0b6e4f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --quiet: #9aa6b5; --ground: #12161c; --card: #1a2029; --line: #2d3643; --accent: #4cc38a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 3rem 1.25rem; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
.lead { margin: .4rem 0 0; color: var(--quiet); }
.version { color: var(--accent); font-size: 1rem; font-weight: 600; }
ul { list-style: none; margin: 0; padding: 0; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
li { padding: .7rem 1rem; border-top: 1px solid var(--line); }
li:first-child { border-top: 0; }
a { color: var(--accent); font-weight: 600; }
pre { margin: 0; padding: 1rem; overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; font-size: .85rem; }
</style>
</head>
<body>
<main>
<h1>Stocksblitz <span class="version">)html";

constexpr std::string_view page_after_version = R"html(</span></h1>
<p class="lead">The trading control plane: every order is checked against its limits and permissions, stored, and only then sent to the broker.</p>
<h2>Look around</h2>
<ul>
<li><a href="/openapi.json">/openapi.json</a> describes every request and answer</li>
<li><a href="/health/ready">/health/ready</a> says whether this node takes work</li>
<li><a href="/metrics">/metrics</a> is for Prometheus</li>
</ul>
<h2>Log in</h2>
<pre>curl -sS -X POST /auth/login \
  -H 'Content-Type: application/json' \
  -d '{"email":"you@example.com","password":"..."}'</pre>
<p class="lead">Send the access_token of the answer with each request: <code>Authorization: Bearer &lt;token&gt;</code>.</p>
<h2>Place an order</h2>
<pre>curl -sS -X POST /trades/place-order \
  -H "Authorization: Bearer $TOKEN" \
  -H 'Content-Type: application/json' -H 'Idempotency-Key: my-first-order' \
  -d '{"trading_account_id":1,"exchange":"NSE","symbol":"SBIN","trade_type":"BUY",
       "order_type":"LIMIT","product_type":"INTRADAY","quantity":1,"price":500.00}'</pre>
<p class="lead">The same key never places two orders: when an answer is lost, send the request again.</p>
</main>
</body>
</html>
)html";

}  // namespace

void show_openapi(const request_ptr& request) {
  http_response response;
  response.content_type = "application/json";
  response.headers.emplace_back("Cache-Control", "public, max-age=300");
  response.body = request->services.openapi;
  request->respond(std::move(response));
}

void show_front_page(const request_ptr& request) {
  http_response response;
  response.content_type = "text/html; charset=utf-8";
  // The page's own style and nothing else: no scripts, no other hosts, no frames.
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  response.body =
      std::string{page_before_version} + request->services.settings.version + std::string{page_after_version};
  request->respond(std::move(response));
}

}  // namespace sb::web::handlers
