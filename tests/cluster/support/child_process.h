#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nsq::cluster {

// A program of ours as a process, its log in a file; killed if the test forgets it.
class ChildProcess {
 public:
  // Runs bin/<program>, or that very file if it has a whole path; what it writes to stderr is
  // appended to `log`.
  ChildProcess(const std::string& program, std::vector<std::string> arguments,
               std::filesystem::path log);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  void Signal(int signal) const;
  bool Ended();
  pid_t pid() const { return pid_; }

  // Its exit code; 1000 and the signal's number if a signal ended it.
  int Wait();

  // What this process has logged so far.
  std::string Log() const;

  // Waits for a whole line with `words` in it and gives what follows them; "" if the process ends
  // or the test's patience does.
  std::string AwaitLogged(std::string_view words);

 private:
  const std::filesystem::path log_;
  const std::uintmax_t log_begin_;  // a restarted daemon appends
  pid_t pid_ = -1;
  int status_ = 0;
};

}  // namespace nsq::cluster
