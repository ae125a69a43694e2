#include "tests/crash/disk_faults.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace nsq::crash {
namespace {

// For what is started meanwhile.
class Environment {
 public:
  void Set(const char* name, const std::string& value) {
    ::setenv(name, value.c_str(), 1);
    names_.push_back(name);
  }
  ~Environment() {
    for (const char* name : names_) ::unsetenv(name);
  }

 private:
  std::vector<const char*> names_;
};

}  // namespace

DiskFaults::DiskFaults(const std::filesystem::path& folder, const std::filesystem::path& data_path)
    : control_path_(folder / "faults"),
      data_path_(data_path),
      shadow_path_(folder / "shadow"),
      shadow_(data_path, shadow_path_) {
  const int fd = ::open(control_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  EXPECT_EQ(::ftruncate(fd, sizeof(FaultControl)), 0);
  void* const at = ::mmap(nullptr, sizeof(FaultControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  EXPECT_NE(at, MAP_FAILED);
  control_ = static_cast<FaultControl*>(at);
}

DiskFaults::~DiskFaults() { ::munmap(control_, sizeof(FaultControl)); }

void DiskFaults::FollowSyncs() { follows_ = true; }

bool DiskFaults::TryStart(cluster::Nsqd& nsqd) {
  if (follows_) shadow_.Reset();
  Environment environment;
  environment.Set("LD_PRELOAD", NSQ_FAULTY_DISK);
  // The sanitizer's library wants to be the first.
  environment.Set("ASAN_OPTIONS", "verify_asan_link_order=0");
  environment.Set(kControlVariable, control_path_);
  environment.Set(kRootVariable, data_path_);
  if (follows_) environment.Set(kShadowVariable, shadow_path_);
  return nsqd.TryStart();
}

void DiskFaults::Heal() {
  for (FaultRule& rule : control_->rules) {
    rule.error = 0;
    rule.one_in = 0;
    rule.die_at = 0;
    rule.files = FaultyFiles::kAll;
  }
  control_->short_writes = false;
}

void DiskFaults::DieAt(DiskCall call, uint64_t number, FaultyFiles files, DieWhen when) {
  FaultRule& rule = (*control_)[call];
  rule.die_at = 0;
  rule.files = files;
  control_->die_when = when;
  rule.die_at = rule.calls + number;
}

}  // namespace nsq::crash
