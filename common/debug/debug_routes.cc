#include "common/debug/debug_routes.h"

#include <dirent.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <list>
#include <map>
#include <utility>

#include "common/config/duration.h"
#include "common/event/timer.h"
#include "common/http/exchange.h"
#include "common/http/params.h"
#include "common/http/router.h"
#include "common/metrics/process.h"
#include "common/strings.h"

namespace nsq {
namespace {

using http::Exchange;
using http::Method;

constexpr int64_t kDefaultProfileSeconds = 30;
constexpr int64_t kMaxProfileSeconds = 60;
// Whoever asks for more waits until others have their answers.
constexpr size_t kMaxProfiles = 16;

constexpr std::string_view kIndex =
    "<html>\n<head>\n<title>/debug/pprof/</title>\n</head>\n<body>\n/debug/pprof/\n<br>\n"
    "<p>This is not a Go program: it has no Go profiles. What it knows of itself stands where "
    "they\n"
    "would, as text. To see where CPU goes, use perf.</p>\n"
    "<ul>\n"
    "<li><a href='goroutine?debug=1'>goroutine</a>: event loops and threads</li>\n"
    "<li><a href='heap?debug=1'>heap</a>: the allocator's figures</li>\n"
    "<li><a href='block?debug=1'>block</a>: how long the loops' turns took</li>\n"
    "<li><a href='threadcreate?debug=1'>threadcreate</a>: threads</li>\n"
    "<li><a href='profile?seconds=5'>profile</a>: CPU of each thread for some seconds</li>\n"
    "<li><a href='cmdline'>cmdline</a></li>\n<li><a href='symbol'>symbol</a></li>\n</ul>\n"
    "</body>\n</html>\n";

std::string ReadProc(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Thread {
  std::string name;
  char state = '?';
  Duration cpu{0};
};

// By thread id.
std::map<int, Thread> ReadThreads() {
  std::map<int, Thread> threads;
  DIR* const dir = ::opendir("/proc/self/task");
  if (dir == nullptr) return threads;
  while (const dirent* const entry = ::readdir(dir)) {
    int id = 0;
    if (!ParseInt(std::string_view(entry->d_name), &id)) continue;
    // "7 (name) S ...": the name may hold anything.
    const std::string stat = ReadProc(StrCat("/proc/self/task/", id, "/stat"));
    const size_t open = stat.find('(');
    const size_t close = stat.rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;  // has just ended
    Thread& thread = threads[id];
    thread.name = stat.substr(open + 1, close - open - 1);
    if (close + 2 < stat.size()) thread.state = stat[close + 2];
    // "1234 56 7": nanoseconds on a CPU, waiting for one, times.
    const std::string schedule = ReadProc(StrCat("/proc/self/task/", id, "/schedstat"));
    int64_t nanos = 0;
    if (ParseInt(Split(schedule, ' ').front(), &nanos)) thread.cpu = nanoseconds(nanos);
  }
  ::closedir(dir);
  return threads;
}

std::string DescribeThreads() {
  std::string text = "thread\tstate\tCPU\tname\n";
  for (const auto& [id, thread] : ReadThreads()) {
    text += StrCat(id, "\t", std::string_view(&thread.state, 1), "\t", FormatGoDuration(thread.cpu),
                   "\t", thread.name, "\n");
  }
  return text;
}

std::string DescribeHeap() {
  const metrics::HeapStats heap = metrics::ReadHeapStats();
  std::string text =
      StrCat("in use\t", heap.in_use_bytes, " bytes, ", heap.mapped_bytes,
             " of it in mappings of their own\nidle\t", heap.idle_bytes, " bytes in ",
             heap.free_blocks, " pieces\nreturned\t", heap.released_bytes,
             " bytes of the idle ones take no memory (an estimate)\nresident\t",
             heap.anonymous_bytes, " bytes, heap and stacks\n\nmalloc_info:\n");
  char* xml = nullptr;
  size_t size = 0;
  std::FILE* const stream = ::open_memstream(&xml, &size);
  if (stream == nullptr) return text;
  ::malloc_info(0, stream);
  std::fclose(stream);
  text.append(xml, size);
  std::free(xml);
  return text;
}

void AnswerPprof(Exchange& exchange, std::string_view type, std::string_view body) {
  exchange.AddHeader("X-Content-Type-Options", "nosniff");
  exchange.Answer({200, type, body, false});
}

void AnswerText(Exchange& exchange, std::string_view body) {
  AnswerPprof(exchange, Exchange::kTextPlain, body);
}

void Index(std::unique_ptr<Exchange> exchange) {
  AnswerPprof(*exchange, "text/html; charset=utf-8", kIndex);
}

// The arguments, with a NUL between them.
void CommandLine(std::unique_ptr<Exchange> exchange) {
  std::string arguments = ReadProc("/proc/self/cmdline");
  if (arguments.ends_with('\0')) arguments.pop_back();
  AnswerText(*exchange, arguments);
}

// The form of the answer, and none of the symbols.
void Symbol(std::unique_ptr<Exchange> exchange) { AnswerText(*exchange, "num_symbols: 0\n"); }

// Those who wait for a profile to end.
//
// Home: the router's loop.
class Profiles {
 public:
  void Start(std::unique_ptr<Exchange> exchange) {
    int64_t wanted = kDefaultProfileSeconds;
    const std::string* const text = exchange->request().params.Find("seconds");
    if (text != nullptr && (!ParseInt(std::string_view(*text), &wanted) || wanted <= 0)) {
      return exchange->Plain(400, "seconds must be a number above 0");
    }
    if (waiting_.size() >= kMaxProfiles) {
      return exchange->Plain(500, "Could not enable CPU profiling: cpu profiling already in use\n");
    }
    EventLoop& loop = exchange->loop();
    waiting_.push_back({std::move(exchange), ReadThreads(), loop.Now(), nullptr});
    const auto here = std::prev(waiting_.end());
    here->timer = std::make_unique<Timer>(loop, [this, here] { Finish(here); });
    here->timer->ArmAfter(seconds(std::min(wanted, kMaxProfileSeconds)));
  }

 private:
  struct Waiting {
    std::unique_ptr<Exchange> exchange;
    std::map<int, Thread> before;
    SteadyTime since;
    std::unique_ptr<Timer> timer;
  };
  struct Ended : Deferrable {
    explicit Ended(std::unique_ptr<Timer> t) : timer(std::move(t)) {}
    std::unique_ptr<Timer> timer;
  };

  void Finish(std::list<Waiting>::iterator at) {
    EventLoop& loop = at->exchange->loop();
    const Duration took = loop.Now() - at->since;
    std::string text = StrCat("CPU in ", FormatGoDuration(took), "; thread, CPU, name:\n");
    for (const auto& [id, thread] : ReadThreads()) {
      const auto before = at->before.find(id);
      const Duration cpu =
          thread.cpu - (before == at->before.end() ? Duration::zero() : before->second.cpu);
      text += StrCat(id, "\t", FormatGoDuration(cpu), "\t", thread.name, "\n");
    }
    AnswerText(*at->exchange, text);
    // This runs inside the timer.
    loop.DeferDelete(std::make_unique<Ended>(std::move(at->timer)));
    waiting_.erase(at);
  }

  std::list<Waiting> waiting_;
};

}  // namespace

void AddDebugRoutes(const DebugSource& source, http::Router* router) {
  using http::Access;
  const auto add = [&](Method method, std::string_view name, http::Handler handler) {
    router->Add(method, StrCat("/debug/pprof/", name), std::move(handler), Access::kQuiet);
  };
  add(Method::kGet, "", Index);
  add(Method::kGet, "cmdline", CommandLine);
  add(Method::kGet, "symbol", Symbol);
  add(Method::kPost, "symbol", Symbol);
  add(Method::kGet, "heap",
      [](std::unique_ptr<Exchange> exchange) { AnswerText(*exchange, DescribeHeap()); });
  add(Method::kGet, "threadcreate",
      [](std::unique_ptr<Exchange> exchange) { AnswerText(*exchange, DescribeThreads()); });
  add(Method::kGet, "goroutine", [source](std::unique_ptr<Exchange> exchange) {
    source.loops([shared = std::shared_ptr<Exchange>(std::move(exchange)),
                  program = source.program](const std::vector<LoopReport>& loops) {
      AnswerText(*shared, StrCat(program, ": event loops\n", DescribeLoops(loops), "\nthreads\n",
                                 DescribeThreads()));
    });
  });
  add(Method::kGet, "block", [source](std::unique_ptr<Exchange> exchange) {
    source.loops(
        [shared = std::shared_ptr<Exchange>(std::move(exchange))](
            const std::vector<LoopReport>& loops) { AnswerText(*shared, DescribeTurns(loops)); });
  });
  const auto profiles = std::make_shared<Profiles>();
  add(Method::kGet, "profile",
      [profiles](std::unique_ptr<Exchange> exchange) { profiles->Start(std::move(exchange)); });
}

}  // namespace nsq
