#include "nsqd/daemon/loop_check.h"

#include <memory>
#include <utility>

namespace nsq::nsqd {

struct LoopCheck::Answer : Letter {
  Answer(LoopCheck* c, uint64_t r, size_t l) : check(c), round(r), loop(l) {}
  void Open() noexcept override { check->OnAnswer(round, loop); }
  LoopCheck* const check;
  const uint64_t round;
  const size_t loop;
};

struct LoopCheck::Question : Letter {
  Question(LoopCheck* c, uint64_t r, size_t l) : check(c), round(r), loop(l) {}
  void Open() noexcept override { check->here_.Post(std::make_unique<Answer>(check, round, loop)); }
  LoopCheck* const check;
  const uint64_t round;
  const size_t loop;
};

LoopCheck::LoopCheck(EventLoop& here, std::vector<EventLoop*> loops)
    : here_(here),
      home_(here.home()),
      loops_(std::move(loops)),
      deadline_(here, [this] { EndRound(); }) {}

void LoopCheck::Check(Done done) {
  home_.Assert();
  waiting_.push_back(std::move(done));
  if (waiting_.size() > 1) return;
  ++round_;
  missing_ = loops_.size();
  answered_.assign(loops_.size(), false);
  for (size_t i = 0; i < loops_.size(); ++i) {
    loops_[i]->Post(std::make_unique<Question>(this, round_, i));
  }
  deadline_.ArmAfter(kPatience);
}

void LoopCheck::OnAnswer(uint64_t round, size_t loop) {
  home_.Assert();
  if (round != round_ || waiting_.empty()) return;
  answered_[loop] = true;
  if (--missing_ == 0) EndRound();
}

void LoopCheck::EndRound() {
  home_.Assert();
  deadline_.Cancel();
  std::vector<std::string> silent;
  for (size_t i = 0; i < loops_.size(); ++i) {
    if (!answered_[i]) silent.push_back(loops_[i]->name());
  }
  for (const Done& done : std::exchange(waiting_, {})) done(silent);
}

}  // namespace nsq::nsqd
