-- Sends the request in the file REQUEST again and again: a line each for method, path and body (may be empty), then a field
-- "Name: value" a line. done() prints one line of JSON.
function init(args)
  local lines = {}
  for line in io.lines(os.getenv("REQUEST")) do lines[#lines + 1] = line end
  local fields = {}
  for at = 4, #lines do
    local name, value = lines[at]:match("^([^:]+): (.*)$")
    fields[name] = value
  end
  made = wrk.format(lines[1], lines[2], fields, lines[3] ~= "" and lines[3] or nil)
end

function request() return made end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('WRKJSON {"per_s":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"requests":%d,"non2xx":%d,"socket_errors":%d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.requests, e.status,
    e.connect + e.read + e.write + e.timeout))
end
