-- Places LIMIT orders that fill or rest, as the users in the file CLIENTS ("token account" a line), the prices from the file
-- INSTRUMENTS. PACE_MS: how long a connection waits after an answer. done() prints one line of JSON.
local clients, symbols, k = {}, {}, 0
local pace = tonumber(os.getenv("PACE_MS") or "0")
local threads = {}

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  placed, limited, refused = 0, 0, 0
  math.randomseed(os.time() + number * 7919)
  for line in io.lines(os.getenv("CLIENTS")) do
    local token, account = line:match("^(%S+) (%d+)$")
    clients[#clients + 1] = { token = "Bearer " .. token, account = account }
  end
  for line in io.lines(os.getenv("INSTRUMENTS")) do
    local symbol, price = line:match("^NSE,([^,]+),1,0%.05,[^,]*,[^,]*,([%d.]+)$")
    if symbol then symbols[#symbols + 1] = { name = symbol, ticks = math.floor(tonumber(price) * 20) } end
  end
end

function request()
  k = k + 1
  local client = clients[math.random(1, #clients)]
  local symbol = symbols[k % #symbols + 1]
  local side = k % 2 == 0 and "BUY" or "SELL"
  local away = k % 2 == 0 and 1.05 or 0.95 -- through the market: it fills at once and is over
  local body = string.format(
    '{"trading_account_id":%s,"exchange":"NSE","symbol":"%s","trade_type":"%s","order_type":"LIMIT","product_type":"INTRADAY","quantity":%d,"price":%.2f,"client_order_id":"a-%s-%d-%d"}',
    client.account, symbol.name, side, math.random(1, 50), math.floor(symbol.ticks * away) / 20, os.getenv("RUN"), number, k)
  return wrk.format("POST", "/trades/place-order", { ["Authorization"] = client.token, ["Content-Type"] = "application/json" }, body)
end

function response(status)
  if status == 201 or status == 202 then
    placed = placed + 1
  elseif status == 429 then
    limited = limited + 1
  else
    refused = refused + 1
  end
end

if pace > 0 then
  function delay() return pace end
end

function done(summary, latency, requests)
  local sum = { placed = 0, limited = 0, refused = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sum) do sum[name] = sum[name] + thread:get(name) end
  end
  local e = summary.errors
  io.write(string.format('WRKJSON {"seconds":%.3f,"placed":%d,"limited":%d,"refused":%d,"lost":%d,"p50_ms":%.2f,"p99_ms":%.2f}\n',
    summary.duration / 1e6, sum.placed, sum.limited, sum.refused, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
