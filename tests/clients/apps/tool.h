#pragma once

#include <sys/types.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/event/unique_fd.h"

namespace nsq::apps {

// A utility as a process: what it is given on stdin, what it prints, how it ends. Killed if the
// test forgets it.
class Tool {
 public:
  // Runs bin/<program>; its output goes to files in `folder`. `out`, if given, is where stdout goes
  // instead.
  Tool(const std::filesystem::path& folder, const std::string& program,
       std::vector<std::string> arguments, const std::string& out = "");
  Tool(const Tool&) = delete;
  Tool& operator=(const Tool&) = delete;
  ~Tool();

  // On its stdin, which is then closed.
  void Say(std::string_view input);
  void CloseInput() { input_.Reset(); }
  void Signal(int signal) const;
  // Its exit code; 1000 and the signal's number if a signal ended it.
  int Wait();

  std::string Out() const;
  std::string Err() const;
  // Whether it says so on stderr, in time.
  bool AwaitErr(std::string_view words) const;
  bool AwaitOut(std::string_view words) const;

 private:
  std::filesystem::path out_;
  std::filesystem::path err_;
  UniqueFd input_;
  pid_t pid_ = -1;
};

struct Ended {
  int code = 0;
  std::string out;
  std::string err;
};
// Runs it to its end, with `input` on stdin.
Ended RunTool(const std::filesystem::path& folder, const std::string& program,
              std::vector<std::string> arguments, std::string_view input = "");

}  // namespace nsq::apps
