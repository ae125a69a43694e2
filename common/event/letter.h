#pragma once

namespace nsq {

// What a Mailbox carries from one home to another: a named struct that owns everything it brings
// (PublishBatch, PublishAnswers, AdoptConnection), never references into the sender's world.
//
// Home: made on the sender's loop, opened and destroyed on the receiver's.
struct Letter {
  Letter() = default;
  Letter(const Letter&) = delete;
  Letter& operator=(const Letter&) = delete;
  virtual ~Letter() = default;

  // Called once, on the receiving loop. What the letter is for may be gone: then it does nothing.
  virtual void Open() noexcept = 0;
};

}  // namespace nsq
