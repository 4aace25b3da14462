-- Places LIMIT orders as random users. Each line of the file named by CLIENTS is "token account"; prices and symbols are
-- the instrument file's. What can be put together before the first request is: the load shares the processors with what
-- it measures.
require("report")

local clients, symbols, k = {}, {}, 0
local thread = 0
local random, format, floor = math.random, string.format, math.floor

function setup(t)
  t:set("number", thread)
  thread = thread + 1
end

function init(args)
  math.randomseed(os.time() + number * 7919)
  local host = wrk.headers["Host"]
  for line in io.lines(os.getenv("CLIENTS")) do
    local token, account = line:match("^(%S+) (%d+)$")
    clients[#clients + 1] = {
      head = "POST /trades/place-order HTTP/1.1\r\nHost: " .. host .. "\r\nAuthorization: Bearer " .. token ..
        "\r\nContent-Type: application/json\r\nContent-Length: ",
      body = '{"trading_account_id":' .. account .. ',"exchange":"NSE","symbol":"'
    }
  end
  for line in io.lines(os.getenv("INSTRUMENTS")) do
    local symbol, price = line:match("^NSE,([^,]+),1,0%.05,[^,]*,[^,]*,([%d.]+)$")
    if symbol then symbols[#symbols + 1] = { name = symbol, ticks = floor(tonumber(price) * 20) } end
  end
  run = format("%s-%d-", os.getenv("RUN"), number)
end

function request()
  k = k + 1
  local client = clients[random(1, #clients)]
  local symbol = symbols[k % #symbols + 1]
  local ticks = symbol.ticks + random(-40, 40)
  -- A tick is 5 paise, and no text of a price may depend on how a binary fraction is rounded.
  local rest = symbol.name .. '","trade_type":"' .. (k % 2 == 0 and "BUY" or "SELL") ..
    '","order_type":"LIMIT","product_type":"INTRADAY","validity":"DAY","quantity":' .. random(1, 50) .. ',"price":' ..
    floor(ticks / 20) .. format(".%02d", ticks % 20 * 5) .. ',"client_order_id":"b-' .. run .. k .. '"}'
  return client.head .. (#client.body + #rest) .. "\r\n\r\n" .. client.body .. rest
end
