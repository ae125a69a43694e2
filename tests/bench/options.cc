#include "tests/bench/options.h"

#include <charconv>
#include <string_view>
#include <utility>
#include <variant>

#include "common/strings.h"

namespace nsq::bench {
namespace {

using Target = std::variant<bool*, int64_t*, double*, std::string*>;

struct Flag {
  std::string_view name;
  Target target;
};

bool Store(std::string_view value, const Target& target) {
  if (auto* const text = std::get_if<std::string*>(&target)) {
    **text = value;
    return true;
  }
  if (auto* const number = std::get_if<int64_t*>(&target)) {
    return ParseInt(value, *number) && **number >= 0;
  }
  if (auto* const number = std::get_if<double*>(&target)) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), **number);
    return error == std::errc() && end == value.data() + value.size() && **number >= 0;
  }
  return false;
}

// Takes --name=value, --name value and, for bools, --name; what follows "--" goes to `rest`.
Status Parse(const std::vector<std::string>& words, const std::vector<Flag>& flags,
             std::vector<std::string>* rest) {
  for (size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (word == "--" && rest != nullptr) {
      rest->assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      return Status();
    }
    if (!word.starts_with("--")) return Status(Code::kInvalid, StrCat("what is '", word, "'?"));
    word.remove_prefix(2);
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const Flag* flag = nullptr;
    for (const Flag& each : flags) {
      if (each.name == name) flag = &each;
    }
    if (flag == nullptr) return Status(Code::kInvalid, StrCat("unknown flag --", name));
    if (auto* const on = std::get_if<bool*>(&flag->target)) {
      if (equals != std::string_view::npos) {
        return Status(Code::kInvalid, StrCat("--", name, " takes no value"));
      }
      **on = true;
      continue;
    }
    const bool has_value = equals != std::string_view::npos;
    if (!has_value && i + 1 == words.size()) {
      return Status(Code::kInvalid, StrCat("--", name, " needs a value"));
    }
    const std::string_view value = has_value ? word.substr(equals + 1) : words[++i];
    if (!Store(value, flag->target)) {
      return Status(Code::kInvalid, StrCat("bad value '", value, "' for --", name));
    }
  }
  return Status();
}

std::vector<std::string> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : Split(text, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

Status CheckLayers(const LayerChoice& layers) {
  if (layers.snappy && layers.deflate) {
    return Status(Code::kInvalid, "--snappy or --deflate, not both");
  }
  if (layers.deflate_level < 1 || layers.deflate_level > 9) {
    return Status(Code::kInvalid, "--deflate-level must be 1 to 9");
  }
  return Status();
}

Status CheckWorkload(const Workload& workload) {
  const auto invalid = [](std::string_view why) {
    return Status(Code::kInvalid, std::string(why));
  };
  if (workload.size_bytes < 1) return invalid("--size must be at least 1");
  if (workload.connections < 1 || workload.pipeline < 1 || workload.batch < 1 ||
      workload.topics < 1) {
    return invalid("--connections, --pipeline, --batch and --topics must be at least 1");
  }
  if (workload.topics > 10'000) return invalid("--topics must be at most 10000");
  if (workload.messages < 1 && workload.seconds <= 0) {
    return invalid("give --messages or --seconds");
  }
  if (workload.mode == Mode::kSub && workload.messages < 1) {
    return invalid("sub needs --messages, the backlog's length");
  }
  if (workload.mode == Mode::kHttp && workload.batch > 1) return invalid("http has no --batch");
  if (workload.mode == Mode::kHttp && workload.layers.any()) return invalid("http has no layers");
  if (Status status = CheckLayers(workload.layers); !status.ok()) return status;
  const bool consuming = workload.mode == Mode::kSub || workload.mode == Mode::kPubSub ||
                         workload.mode == Mode::kLatency;
  if (consuming && (workload.channels < 1 || workload.consumers < 1 || workload.rdy < 1)) {
    return invalid("this mode needs --channels, --consumers and --rdy");
  }
  if (!consuming && workload.consumers > 0) return invalid("this mode has no --consumers");
  if (workload.mode == Mode::kLatency && (workload.size_bytes < 16 || workload.rate < 1)) {
    return invalid("latency needs --rate and a --size of 16 or more");
  }
  return Status();
}

}  // namespace

Result<RunOptions> ParseRunOptions(Mode mode, const std::vector<std::string>& words) {
  RunOptions options;
  Workload& workload = options.workload;
  workload = DefaultWorkload(mode);
  const int64_t default_messages = std::exchange(workload.messages, 0);
  const double default_seconds = std::exchange(workload.seconds, 0);
  std::string tcp = "127.0.0.1:4150";
  std::string http = "127.0.0.1:4151";
  int64_t pid = 0;
  const Status parsed = Parse(words,
                              {{"size", &workload.size_bytes},
                               {"messages", &workload.messages},
                               {"seconds", &workload.seconds},
                               {"connections", &workload.connections},
                               {"pipeline", &workload.pipeline},
                               {"batch", &workload.batch},
                               {"rate", &workload.rate},
                               {"topics", &workload.topics},
                               {"channels", &workload.channels},
                               {"consumers", &workload.consumers},
                               {"rdy", &workload.rdy},
                               {"output-buffer-size", &workload.output_buffer_size},
                               {"output-buffer-timeout", &workload.output_buffer_timeout_ms},
                               {"tls", &workload.layers.tls},
                               {"snappy", &workload.layers.snappy},
                               {"deflate", &workload.layers.deflate},
                               {"deflate-level", &workload.layers.deflate_level},
                               {"stall-seconds", &workload.stall_seconds},
                               {"tcp", &tcp},
                               {"http", &http},
                               {"pid", &pid},
                               {"spawn", &options.server.spawn},
                               {"data-dir", &options.server.data_dir},
                               {"count-calls", &options.server.count_calls},
                               {"max-allocations", &options.max_allocations},
                               {"max-system-calls", &options.max_system_calls},
                               {"json", &options.json}},
                              &options.server.flags);
  if (!parsed.ok()) return parsed;
  if (workload.messages == 0 && workload.seconds == 0) {
    workload.messages = default_messages;
    workload.seconds = default_seconds;
  }
  if (Status status = CheckWorkload(workload); !status.ok()) return status;
  const Result<Address> tcp_address = ParseAddress(tcp);
  if (!tcp_address.ok()) return tcp_address.status();
  const Result<Address> http_address = ParseAddress(http);
  if (!http_address.ok()) return http_address.status();
  options.server.tcp = *tcp_address;
  options.server.http = *http_address;
  options.server.pid = static_cast<pid_t>(pid);
  return options;
}

Result<CompareOptions> ParseCompareOptions(const std::vector<std::string>& words) {
  CompareOptions options;
  std::string ours_flags;
  std::string vs_flags;
  std::string mem_queue_size = "default";
  const Status parsed = Parse(words,
                              {{"ours", &options.ours},
                               {"vs", &options.vs},
                               {"ours-flags", &ours_flags},
                               {"vs-flags", &vs_flags},
                               {"mem-queue-size-vs", &mem_queue_size},
                               {"data-dir", &options.data_dir},
                               {"only", &options.only},
                               {"rounds", &options.rounds},
                               {"scale", &options.scale},
                               {"tls", &options.layers.tls},
                               {"snappy", &options.layers.snappy},
                               {"deflate", &options.layers.deflate},
                               {"deflate-level", &options.layers.deflate_level},
                               {"json", &options.json}},
                              nullptr);
  if (!parsed.ok()) return parsed;
  if (options.ours.empty()) return Status(Code::kInvalid, "compare needs --ours");
  if (options.rounds < 1 || options.scale <= 0) {
    return Status(Code::kInvalid, "--rounds and --scale must be more than 0");
  }
  if (Status status = CheckLayers(options.layers); !status.ok()) return status;
  options.ours_flags = SplitWords(ours_flags);
  options.vs_flags = SplitWords(vs_flags);
  if (mem_queue_size != "default") {
    options.vs_flags.push_back(StrCat("--mem-queue-size=", mem_queue_size));
  }
  return options;
}

std::string Usage() {
  return R"(usage: nsq_bench MODE [flags] [--spawn PROGRAM [-- flags of that nsqd]]
       nsq_bench compare --ours PROGRAM [--vs PROGRAM] [flags]
       nsq_bench limits [DIRECTORY]    what this machine's kernel and memory take, without any nsqd

modes
  pub       PUB, --pipeline commands in flight on each of --connections
  mpub      MPUB of --batch messages
  sub       makes a backlog of --messages, then measures only consuming it
  pubsub    MPUB and consumers at the same time
  latency   publishes --rate messages a second by the clock; percentiles from the intended time
  http      POST /pub on keep-alive connections

load
  --size 200            bytes of a body
  --messages N          how many, or
  --seconds S           how long
  --connections N       that publish
  --pipeline N          commands in flight on each
  --batch N             messages in a command: 1 is PUB, more is MPUB
  --rate N              messages a second by schedule; 0: as fast as they are answered
  --topics N            published to in turn
  --channels N          of each topic
  --consumers N         of each channel
  --rdy N               of each consumer
  --output-buffer-size BYTES, --output-buffer-timeout MS
                        what consumers negotiate
  --tls, --snappy, --deflate, --deflate-level 6
                        what all connections negotiate; bodies are events in JSON then, each
                        another one. A spawned server gets a certificate
  --stall-seconds 30    without progress end the run as failed

server
  --tcp 127.0.0.1:4150, --http 127.0.0.1:4151
  --pid N               of that server: for its CPU time and memory
  --spawn PROGRAM       instead: start this nsqd on free ports, stop it afterwards
  --data-dir /tmp       where its data path is made and removed
  --count-calls LIB     with --spawn: libcount_calls.so, which is then loaded into that nsqd and counts
                        what it allocates and the system calls it makes
  --max-allocations X, --max-system-calls X
                        a message: more is a failure

compare
  --ours-flags 'A B', --vs-flags 'A B'
                        further flags for each side
  --mem-queue-size-vs default
                        or a number, for --vs
  --rounds 3            of each workload and side, in turn; medians are shown
  --scale 1             of the numbers of messages
  --only TEXT           workloads with this in their name
  --tls, --snappy, --deflate, --deflate-level 6
                        for both sides; the workload over HTTP is left out

  --json                for programs
)";
}

}  // namespace nsq::bench
