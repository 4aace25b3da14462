-- Reads every order of the file ORDERS ("token order" a line) one after the other, from the first again after the last.
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

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('WRKJSON {"per_s":%.1f,"requests":%d,"non2xx":%d,"socket_errors":%d}\n',
    summary.requests / (summary.duration / 1e6), summary.requests, e.status, e.connect + e.read + e.write + e.timeout))
end
