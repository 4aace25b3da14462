-- Sends the request in the file REQUEST again and again: a line each for method, path and body (may be empty), then a field
-- "Name: value" a line.
require("report")

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
