-- Places LIMIT orders as random users. Each line of the file named by CLIENTS is "token account"; prices and symbols are
-- the instrument file's.
require("report")

local clients, symbols, k = {}, {}, 0
local thread = 0

function setup(t)
  t:set("number", thread)
  thread = thread + 1
end

function init(args)
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
  local ticks = symbol.ticks + math.random(-40, 40)
  local body = string.format(
    '{"trading_account_id":%s,"exchange":"NSE","symbol":"%s","trade_type":"%s","order_type":"LIMIT","product_type":"INTRADAY","validity":"DAY","quantity":%d,"price":%.2f,"client_order_id":"b-%s-%d-%d"}',
    client.account, symbol.name, k % 2 == 0 and "BUY" or "SELL", math.random(1, 50), ticks / 20, os.getenv("RUN"), number, k)
  return wrk.format("POST", "/trades/place-order", { ["Authorization"] = client.token, ["Content-Type"] = "application/json" }, body)
end
