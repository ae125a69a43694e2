#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nsq::crash {

// What a program asks of the disk, as far as it can be made to fail.
enum class DiskCall : size_t {
  kOpen,
  kWrite,
  kTruncate,
  kSync,     // of a file
  kSyncDir,  // of a directory
  kRename,
  kLink,
  kRemove,  // files and directories
  kMakeDir,
  kRead,
  kAnyChange,  // each of those above but opening a file that is there, and reading
};
constexpr size_t kDiskCalls = 11;

// Which files a fault is about.
enum class FaultyFiles : uint32_t { kAll, kSegments, kJournals };

// How a program that is to die at a call does.
enum class DieWhen : uint32_t { kBefore, kHalfWritten, kAfter };

// One for each DiskCall. Zero everywhere: nothing happens.
struct FaultRule {
  std::atomic<uint64_t> calls;   // so far, of the files the rule is about
  std::atomic<uint64_t> die_at;  // when `calls` gets there; 0: never
  std::atomic<int32_t> error;    // errno of those that fail; 0: none fails
  std::atomic<uint32_t> one_in;  // fails; 0 and 1: every one does
  std::atomic<FaultyFiles> files;
};

// Lies in a file that the test and the program both have in memory, so that the one can say at any
// time what the other meets. Home: any thread of either.
struct FaultControl {
  std::array<FaultRule, kDiskCalls> rules;
  std::atomic<DieWhen> die_when;
  std::atomic<bool> short_writes;  // a write takes half of what it is given
  std::atomic<uint64_t> failed;    // calls, so far

  FaultRule& operator[](DiskCall call) { return rules[static_cast<size_t>(call)]; }
};

// Environment of the program: the control's file, the folder that is faulty, and where to note what
// a power cut leaves (may be missing).
constexpr const char* kControlVariable = "NSQ_FAULTS";
constexpr const char* kRootVariable = "NSQ_FAULTS_ROOT";
constexpr const char* kShadowVariable = "NSQ_FAULTS_SHADOW";

}  // namespace nsq::crash
