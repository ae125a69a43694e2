#include "tests/bench/standing.h"

#include <endian.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/event/unique_fd.h"
#include "common/strings.h"
#include "tests/bench/connect.h"
#include "tests/bench/handshake.h"
#include "tests/bench/http_call.h"
#include "tests/bench/read_buffer.h"
#include "tests/bench/server.h"

namespace nsq::bench {
namespace {

using std::chrono::milliseconds;

constexpr auto kWindow = milliseconds(4000);
constexpr auto kProbe = milliseconds(200);
constexpr int kMostProbes = 75;  // some are never quiet
constexpr int kQuietProbes = 12;
constexpr double kQuietShare = 0.001;  // of a core

double CpuSeconds(const Server& server) {
  const std::optional<CpuTimes> cpu = server.Cpu();
  return cpu ? cpu->total_seconds : 0;
}

double CpuIn(const Server& server, milliseconds window) {
  const double before = CpuSeconds(server);
  std::this_thread::sleep_for(window);
  return (CpuSeconds(server) - before) / std::chrono::duration<double>(window).count();
}

// Until the work of the preparations is over, syncs and files that are closed once idle among it:
// what is left then is what standing costs.
void WaitUntilQuiet(const Server& server) {
  int quiet = 0;
  for (int probe = 0; probe < kMostProbes && quiet < kQuietProbes; ++probe) {
    quiet = CpuIn(server, kProbe) < kQuietShare ? quiet + 1 : 0;
  }
}

Standing Measure(const Server& server, int64_t rss_before_kib, int64_t count) {
  WaitUntilQuiet(server);
  Standing standing;
  const int64_t grown = server.RssKib().value_or(0) - rss_before_kib;
  standing.rss_kib_each = static_cast<double>(grown) / static_cast<double>(count);
  standing.cpu_ms_per_second = CpuIn(server, kWindow) * 1e3;
  return standing;
}

Status AllowDescriptors(int64_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const auto wanted = static_cast<rlim_t>(count);
  if (limit.rlim_cur >= wanted) return Status();
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  if (limit.rlim_cur < wanted || setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return Status(Code::kExhausted, StrCat("not so many open files allowed: ", count));
  }
  return Status();
}

Status CreateTopic(const Server& server, const std::string& topic, int64_t channels) {
  const Result<std::string> made =
      HttpCall(server.http(), "POST", StrCat("/topic/create?topic=", topic));
  if (!made.ok()) return made.status();
  for (int64_t i = 0; i < channels; ++i) {
    const Result<std::string> channel =
        HttpCall(server.http(), "POST", StrCat("/channel/create?topic=", topic, "&channel=c", i));
    if (!channel.ok()) return channel.status();
  }
  return Status();
}

Status SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return ErrnoStatus(errno, "send to the server");
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return Status();
}

}  // namespace

Result<Standing> StandIdleConsumers(const Server& server, int64_t count) {
  if (Status status = AllowDescriptors(count + 100); !status.ok()) return status;
  if (Status status = CreateTopic(server, "idle", 1); !status.ok()) return status;
  WaitUntilQuiet(server);
  const int64_t before_kib = server.RssKib().value_or(0);
  std::vector<UniqueFd> consumers;
  for (int64_t i = 0; i < count; ++i) {
    Result<UniqueFd> fd = Connect(server.tcp());
    if (!fd.ok()) return fd.status();
    ReadBuffer buffer;
    const std::string commands = StrCat(Identify(""), "SUB idle c0\nRDY 1\n");
    if (Status status = Handshake(fd->get(), commands, 2, &buffer); !status.ok()) return status;
    consumers.push_back(std::move(*fd));
  }
  return Measure(server, before_kib, count);
}

Result<Standing> StandDeferred(const Server& server, int64_t count) {
  constexpr int64_t kBatch = 500;
  if (Status status = CreateTopic(server, "later", 1); !status.ok()) return status;
  const std::string body(100, 'x');
  const uint32_t size = htobe32(static_cast<uint32_t>(body.size()));
  const std::string dpub =
      StrCat("DPUB later 3600000\n",
             std::string_view(reinterpret_cast<const char*>(&size), sizeof size), body);
  std::string batch;
  for (int64_t i = 0; i < kBatch; ++i) batch += dpub;
  Result<UniqueFd> fd = Connect(server.tcp());
  if (!fd.ok()) return fd.status();
  ReadBuffer buffer;
  if (Status status = Handshake(fd->get(), Identify("\"heartbeat_interval\":-1"), 1, &buffer);
      !status.ok()) {
    return status;
  }
  WaitUntilQuiet(server);
  const int64_t before_kib = server.RssKib().value_or(0);
  for (int64_t sent = 0; sent < count; sent += kBatch) {
    if (Status status = SendAll(fd->get(), batch); !status.ok()) return status;
    for (int64_t answers = 0; answers < kBatch;) {
      if (const std::optional<Frame> frame = NextFrame(&buffer)) {
        if (frame->payload != "OK") {
          return Status(Code::kInvalid, StrCat("DPUB was answered with '", frame->payload, "'"));
        }
        ++answers;
      } else if (Status status = buffer.Fill(fd->get()); !status.ok()) {
        return status;
      }
    }
  }
  return Measure(server, before_kib, count);
}

Result<Standing> StandIdleTopics(const Server& server, int64_t count, int64_t channels) {
  WaitUntilQuiet(server);
  const int64_t before_kib = server.RssKib().value_or(0);
  for (int64_t i = 0; i < count; ++i) {
    if (Status status = CreateTopic(server, StrCat("topic_", i), channels); !status.ok()) {
      return status;
    }
  }
  return Measure(server, before_kib, count);
}

}  // namespace nsq::bench
