-- Requests of wrk: each with a name of its own, since a signed request is taken once.
-- The first argument is the file, the second its name, the third and fourth the signature and its time.

local head, tail, path, headers
local sent, thread = 0, 0
local threads = 0

function setup(it)
  it:set("thread", threads)
  threads = threads + 1
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local boundary = "unlabel-load"
  head = "--" .. boundary .. '\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n'
    .. '{"app":"load","labels":{"id":""},"sendBack":{"type":"response"},"queryID":"'
  tail = '"}\r\n--' .. boundary .. '\r\nContent-Disposition: form-data; name="request"; filename="' .. arguments[2]
    .. '"\r\n\r\n' .. file:read("*a") .. "\r\n--" .. boundary .. "--\r\n"
  headers = {
    ["Authorization"] = arguments[3],
    ["x-skg-timestamp"] = arguments[4],
    ["Content-Type"] = "multipart/form-data; boundary=" .. boundary,
  }
end

function request()
  sent = sent + 1
  local name = string.format("%d-%d", thread, sent)
  return wrk.format("DELETE", "/skg/v1/dlp/label/custom/sync", headers, head .. name .. tail)
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format('{"requests":%d,"us":%d,"p50":%d,"p99":%d,"status":%d,"socket":%d}', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
