#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "common/event/unique_fd.h"
#include "nsqd/storage/topic_store.h"

namespace nsq::nsqd {
namespace {

class HeldLock : public DataPathLock {
 public:
  explicit HeldLock(UniqueFd fd) : fd_(std::move(fd)) {}

 private:
  const UniqueFd fd_;  // closing it releases the lock, and so does dying
};

// strerror as Go spells it: "no such file or directory".
std::string GoErrorText(int error_number) {
  std::string text = ErrnoStatus(error_number, "").detail().substr(2);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') {
    text[0] = static_cast<char>(text[0] - 'A' + 'a');
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<DataPathLock>> DataPathLock::Take(const std::string& data_path) {
  const std::string dir = data_path.empty() ? "." : data_path;
  UniqueFd fd(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    const int error = errno;
    return Status(ErrnoStatus(error, "").code(),
                  "failed to lock data-path: open " + dir + ": " + GoErrorText(error));
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    return Status(Code::kUnavailable, "failed to lock data-path: cannot flock directory " + dir +
                                          " - " + GoErrorText(error) +
                                          " (possibly in use by another instance of nsqd)");
  }
  return std::unique_ptr<DataPathLock>(std::make_unique<HeldLock>(std::move(fd)));
}

Status CheckDataPathWritable(const std::string& data_path) {
  const std::string dir = data_path.empty() ? "." : data_path;
  if (::faccessat(AT_FDCWD, dir.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return Status();
  const int error = errno;
  if (error == EROFS) return Status();
  return Status(ErrnoStatus(error, "").code(),
                "data-path " + dir + " is not writable: " + GoErrorText(error));
}

}  // namespace nsq::nsqd
