-- What every load of the bench prints when it is over: one line of JSON.
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('WRKJSON {"per_s":%.1f,"p50_ms":%.3f,"p99_ms":%.3f,"requests":%d,"non2xx":%d,"socket_errors":%d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.requests, e.status,
    e.connect + e.read + e.write + e.timeout))
end
