#include "common/metrics/process.h"

#include <dirent.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "common/metrics/exposition.h"
#include "common/strings.h"
#include "common/version.h"

namespace nsq::metrics {
namespace {

// A file of /proc: short, and made anew for each read.
std::string ReadProc(const char* path) {
  std::string text;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "re"), std::fclose);
  if (file == nullptr) return text;
  char buffer[4096];
  size_t n = 0;
  while ((n = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) text.append(buffer, n);
  return text;
}

// "Threads:\t7\n" or "VmRSS:\t 1234 kB\n": the number behind `name`; 0 if it is not there.
uint64_t Field(std::string_view status, std::string_view name) {
  size_t at = status.find(name);
  if (at == std::string_view::npos) return 0;
  at = status.find_first_of("0123456789", at + name.size());
  if (at == std::string_view::npos) return 0;
  const size_t end = status.find_first_not_of("0123456789", at);
  uint64_t number = 0;
  return ParseInt(status.substr(at, end - at), &number) ? number : 0;
}

uint64_t CountOpenFiles() {
  // Newer kernels know without listing them.
  struct stat status {};
  if (::stat("/proc/self/fd", &status) == 0 && status.st_size > 0) {
    return static_cast<uint64_t>(status.st_size);
  }
  DIR* const dir = ::opendir("/proc/self/fd");
  if (dir == nullptr) return 0;
  uint64_t count = 0;
  while (const dirent* const entry = ::readdir(dir)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(dir);
  return count - std::min<uint64_t>(count, 1);  // this look itself
}

// Field 22 of /proc/self/stat, in ticks since the machine started.
WallTime StartTime() {
  const std::string stat = ReadProc("/proc/self/stat");
  const size_t name_end = stat.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return {};
  const std::vector<std::string_view> fields =
      Split(std::string_view(stat).substr(name_end + 1), ' ');
  uint64_t ticks = 0;
  if (fields.size() < 21 || !ParseInt(fields[20], &ticks)) return {};
  const uint64_t boot = Field(ReadProc("/proc/stat"), "btime ");
  const auto per_second = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  return WallTime(seconds(boot)) + nanoseconds(ticks * (1'000'000'000 / per_second));
}

// By Prometheus' conventions of all clients.
constexpr Family kCpu{"process_cpu_seconds_total", Type::kCounter,
                      "Total user and system CPU time spent in seconds."};
constexpr Family kResident{"process_resident_memory_bytes", Type::kGauge,
                           "Resident memory size in bytes."};
constexpr Family kVirtual{"process_virtual_memory_bytes", Type::kGauge,
                          "Virtual memory size in bytes."};
constexpr Family kOpenFds{"process_open_fds", Type::kGauge, "Number of open file descriptors."};
constexpr Family kMaxFds{"process_max_fds", Type::kGauge,
                         "Maximum number of open file descriptors."};
constexpr Family kThreads{"process_threads", Type::kGauge, "Number of OS threads in the process."};
constexpr Family kStartTime{"process_start_time_seconds", Type::kGauge,
                            "Start time of the process since unix epoch in seconds."};

constexpr Family kHeapInUse{"nsq_heap_in_use_bytes", Type::kGauge,
                            "Memory that the allocator has given to the program."};
constexpr Family kHeapIdle{"nsq_heap_idle_bytes", Type::kGauge,
                           "Memory that the allocator keeps and the program does not use."};
constexpr Family kHeapReleased{
    "nsq_heap_released_bytes", Type::kGauge,
    "The part of nsq_heap_idle_bytes that was returned to the system (an estimate)."};
constexpr Family kBuildInfo{"nsq_build_info", Type::kGauge,
                            "Always 1; the labels say what was built and with what."};

}  // namespace

ProcessStats ReadProcessStats() {
  ProcessStats stats;
  timespec cpu{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
    stats.cpu = seconds(cpu.tv_sec) + nanoseconds(cpu.tv_nsec);
  }
  const std::string status = ReadProc("/proc/self/status");
  stats.resident_bytes = Field(status, "VmRSS:") * 1024;
  stats.virtual_bytes = Field(status, "VmSize:") * 1024;
  stats.threads = Field(status, "Threads:");
  stats.open_fds = CountOpenFiles();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  static const WallTime kStart = StartTime();
  stats.start_time = kStart;
  return stats;
}

HeapStats ReadHeapStats() {
  const struct mallinfo2 info = ::mallinfo2();
  HeapStats stats;
  stats.mapped_bytes = info.hblkhd;
  stats.in_use_bytes = info.uordblks + info.hblkhd;
  stats.idle_bytes = info.fordblks;
  stats.free_blocks = info.ordblks;
  // The allocator does not keep account of what it has returned page by page. What it holds and
  // what the kernel says is there tell: the rest of the process (stacks, data) is small.
  stats.anonymous_bytes = Field(ReadProc("/proc/self/status"), "RssAnon:") * 1024;
  const uint64_t held = stats.in_use_bytes + stats.idle_bytes;
  stats.released_bytes = std::min(stats.idle_bytes, held - std::min(held, stats.anonymous_bytes));
  return stats;
}

void AppendProcess(Page* page) {
  const ProcessStats process = ReadProcessStats();
  page->Add(kCpu, process.cpu);
  page->Add(kResident, process.resident_bytes);
  page->Add(kVirtual, process.virtual_bytes);
  page->Add(kOpenFds, process.open_fds);
  page->Add(kMaxFds, process.max_fds);
  page->Add(kThreads, process.threads);
  page->Add(kStartTime, Duration(process.start_time.time_since_epoch()));
  const HeapStats heap = ReadHeapStats();
  page->Add(kHeapInUse, heap.in_use_bytes);
  page->Add(kHeapIdle, heap.idle_bytes);
  page->Add(kHeapReleased, heap.released_bytes);
  Samples build(kBuildInfo);
  build.Add(Labels("version", kVersion).Add("compiler", Toolchain()), true);
  page->Add(kBuildInfo, build);
}

}  // namespace nsq::metrics
