// The daemon dies, or the power fails, at chosen points: at each kind of call it makes to the disk,
// before it, halfway, after it; and at every call of a start.

#include <vector>

#include "tests/crash/crash_fixture.h"

namespace nsq::crash {
namespace {

struct Point {
  DiskCall call;
  FaultyFiles files;
  DieWhen when;
  unsigned most;  // dies at one of the first so many of a round
};

std::vector<Point> Points() {
  std::vector<Point> points;
  for (const FaultyFiles files : {FaultyFiles::kSegments, FaultyFiles::kJournals}) {
    for (const DieWhen when : {DieWhen::kBefore, DieWhen::kHalfWritten, DieWhen::kAfter}) {
      points.push_back({DiskCall::kWrite, files, when, 200});
    }
    for (const DieWhen when : {DieWhen::kBefore, DieWhen::kAfter}) {
      points.push_back({DiskCall::kSync, files, when, 10});
      points.push_back({DiskCall::kRename, files, when, 2});
      points.push_back({DiskCall::kRemove, files, when, 2});
    }
  }
  for (const DieWhen when : {DieWhen::kBefore, DieWhen::kAfter}) {
    points.push_back({DiskCall::kOpen, FaultyFiles::kSegments, when, 4});
    points.push_back({DiskCall::kRead, FaultyFiles::kSegments, when, 20});
    points.push_back({DiskCall::kSyncDir, FaultyFiles::kAll, when, 3});
  }
  return points;
}

class PointTest : public CrashTest {
 protected:
  // Each point so often; `after`: what becomes of the disk then.
  void DieAtEveryPoint(const std::function<void()>& after) {
    for (int again = 0; again < Rounds(1); ++again) {
      for (const Point& point : Points()) {
        SCOPED_TRACE(testing::Message()
                     << "call " << static_cast<int>(point.call) << " of files "
                     << static_cast<int>(point.files) << ", " << static_cast<int>(point.when));
        disk().DieAt(point.call, 1 + random()() % point.most, point.files, point.when);
        Round([&] {
          if (!nsqd().process().Ended()) nsqd().Kill();  // it did not come to that
          after();
        });
      }
    }
  }

  // Dies at the first change a start makes, then at the second ..., until it gets through.
  void DieAtEveryChangeOfAStart(const std::function<void()>& after) {
    nsqd().Kill();
    after();
    for (uint64_t change = 1;; ++change) {
      SCOPED_TRACE(testing::Message() << "change " << change);
      const auto when = change % 2 == 0 ? DieWhen::kHalfWritten : DieWhen::kAfter;
      disk().Heal();
      disk().DieAt(DiskCall::kAnyChange, change, FaultyFiles::kAll, when);
      if (disk().TryStart(nsqd())) break;
      nsqd().process().Wait();
      after();
      ASSERT_LT(change, 200u);
    }
    nsqd().Kill();
    after();
    ledger().NextRound();
    StartAgain();
  }
};

TEST_P(PointTest, DiesAtEveryKindOfCall) {
  Begin("os", Ledger::Promise::kAll);
  nsqd().Stop();
  StartAgain();
  acknowledged_a_round_ = 400;
  DieAtEveryPoint([] {});
  Finish();
}

TEST_P(PointTest, PowerFailsAtEveryKindOfCall) {
  Begin("fsync", Ledger::Promise::kMessagesOnly);
  nsqd().Stop();
  disk().FollowSyncs();
  StartAgain();
  load_.meddles = false;
  acknowledged_a_round_ = 400;
  DieAtEveryPoint([this] { disk().CutPower(&random()); });
  Finish();
}

TEST_P(PointTest, DiesAtEveryChangeOfAStart) {
  Begin("os", Ledger::Promise::kAll);
  for (int round = 0; round < Rounds(2); ++round) {
    Round([this] { nsqd().Kill(); });
    DieAtEveryChangeOfAStart([] {});
  }
  Finish();
}

TEST_P(PointTest, PowerFailsAtEveryChangeOfAStart) {
  Begin("fsync", Ledger::Promise::kMessagesOnly);
  nsqd().Stop();
  disk().FollowSyncs();
  StartAgain();
  load_.meddles = false;
  const auto cut = [this] { disk().CutPower(&random()); };
  for (int round = 0; round < Rounds(2); ++round) {
    Round([&] {
      nsqd().Kill();
      cut();
    });
    DieAtEveryChangeOfAStart(cut);
  }
  Finish();
}

INSTANTIATE_TEST_SUITE_P(, PointTest, testing::Values(1, 4), cluster::LoopsName);

}  // namespace
}  // namespace nsq::crash
