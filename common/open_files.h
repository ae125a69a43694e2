#pragma once

namespace nsq {

// Raises the soft limit of open files to the hard one. A daemon has a descriptor for each client
// and each file in use; the usual 1024 are there for programs that call select(). The original's
// runtime does the same. A failure is a warning in the log.
void RaiseOpenFileLimit();

}  // namespace nsq
