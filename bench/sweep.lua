-- Reads every order of the file ORDERS ("token order" a line) one after the other, from the first again after the last.
require("report")

function init(args)
  requests, k = {}, 0
  for line in io.lines(os.getenv("ORDERS")) do
    local token, order = line:match("^(%S+) (%S+)$")
    requests[#requests + 1] = wrk.format("GET", "/trades/" .. order, { ["Authorization"] = "Bearer " .. token })
  end
end

function request()
  k = k % #requests + 1
  return requests[k]
end
