-- Places LIMIT orders through the market, as the users in the file CLIENTS ("token account" a line), the prices from the file
-- INSTRUMENTS. One share each: the feed's market has volume for some thousands a second, and an order that it has none for stays
-- open and in memory. PACE_MS: how long a connection waits after an answer. done() prints one line of JSON; its times are those of the
-- orders that were placed: a refusal is quick, and would make the rest look quick.
local ffi = require("ffi")
ffi.cdef [[
  struct abuse_timespec { long s; long ns; };
  int clock_gettime(int clock, struct abuse_timespec* now);
]]
local monotonic, reading = 1, ffi.new("struct abuse_timespec")
local clients, symbols, k = {}, {}, 0
local pace = tonumber(os.getenv("PACE_MS") or "0")
local threads = {}
local began = {} -- number of an order on its way -> when it was sent
local longest_ms = 60000

local function now_ms()
  ffi.C.clock_gettime(monotonic, reading)
  return tonumber(reading.s) * 1000 + tonumber(reading.ns) / 1e6
end

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  placed, limited, refused = 0, 0, 0
  took = {} -- milliseconds, rounded up -> how many placed orders
  why = {} -- status, code and detail of other refusals than 429 -> how many
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
  local away = k % 2 == 0 and 1.05 or 0.95
  local body = string.format(
    '{"trading_account_id":%s,"exchange":"NSE","symbol":"%s","trade_type":"%s","order_type":"LIMIT","product_type":"INTRADAY","quantity":1,"price":%.2f,"client_order_id":"a-%s-%d-%d"}',
    client.account, symbol.name, side, math.floor(symbol.ticks * away) / 20, os.getenv("RUN"), number, k)
  began[k] = now_ms()
  return wrk.format("POST", "/trades/place-order", { ["Authorization"] = client.token, ["Content-Type"] = "application/json" }, body)
end

-- The order of an answer: refusals name it as well.
local function took_ms(body)
  local which = tonumber(body:match('"client_order_id":"a%-[^"]-%-(%d+)"'))
  local begin = which and began[which]
  if not begin then return nil end
  began[which] = nil
  return math.min(math.ceil(now_ms() - begin), longest_ms)
end

function response(status, headers, body)
  local ms = took_ms(body)
  if status == 201 or status == 202 then
    placed = placed + 1
    if ms then took[ms] = (took[ms] or 0) + 1 end
  elseif status == 429 then
    limited = limited + 1
  else
    refused = refused + 1
    local what = status .. " " .. (body:match('"code":"([A-Z_]+)"') or "") .. " " .. (body:match('"detail":"([^"\\]*)"') or "")
    why[what] = (why[what] or 0) + 1
  end
end

if pace > 0 then
  function delay() return pace end
end

local function percentile(counts, timed, part)
  local left = timed * part / 100
  for ms = 0, longest_ms do
    left = left - (counts[ms] or 0)
    if counts[ms] and left <= 0 then return tostring(ms) end
  end
  return "null"
end

local function reasons()
  local sum, parts = {}, {}
  for _, thread in ipairs(threads) do
    for what, count in pairs(thread:get("why")) do sum[what] = (sum[what] or 0) + count end
  end
  for what, count in pairs(sum) do parts[#parts + 1] = string.format('"%s":%d', what, count) end
  return "{" .. table.concat(parts, ",") .. "}"
end

function done(summary, latency, requests)
  local sum, counts, timed = { placed = 0, limited = 0, refused = 0 }, {}, 0
  for _, thread in ipairs(threads) do
    for name in pairs(sum) do sum[name] = sum[name] + thread:get(name) end
    for ms, count in pairs(thread:get("took")) do
      counts[ms] = (counts[ms] or 0) + count
      timed = timed + count
    end
  end
  local e = summary.errors
  io.write(string.format(
    'WRKJSON {"seconds":%.3f,"placed":%d,"timed":%d,"limited":%d,"refused":%d,"lost":%d,"p50_ms":%s,"p99_ms":%s,"why":%s}\n',
    summary.duration / 1e6, sum.placed, timed, sum.limited, sum.refused, e.connect + e.read + e.write + e.timeout,
    percentile(counts, timed, 50), percentile(counts, timed, 99), reasons()))
end
