#include "clients/nsq/internal/ready_book.h"

#include <algorithm>
#include <utility>

namespace nsq::client {
namespace {

// As Consumer::IsStarved has it.
bool IsFull(int in_flight, int rdy) { return in_flight > 0 && in_flight * 100 >= rdy * 85; }

}  // namespace

ReadyBook::Entry* ReadyBook::Find(LinkId link) {
  const auto at = std::find_if(links_.begin(), links_.end(),
                               [link](const Entry& entry) { return entry.link == link; });
  return at == links_.end() ? nullptr : &*at;
}

const ReadyBook::Entry* ReadyBook::Find(LinkId link) const {
  return const_cast<ReadyBook*>(this)->Find(link);
}

void ReadyBook::Add(LinkId link, int max_rdy) {
  Entry entry{};
  entry.link = link;
  entry.max_rdy = max_rdy;
  links_.push_back(entry);
}

void ReadyBook::Remove(LinkId link) {
  std::erase_if(links_, [link](const Entry& entry) { return entry.link == link; });
}

bool ReadyBook::OnMessages(LinkId link, int count, SteadyTime now) {
  Entry* const entry = Find(link);
  if (entry == nullptr) return false;
  entry->in_flight += count;
  entry->last_message = now;
  entry->peak = std::max(entry->peak, entry->in_flight);
  if (!options_.rdy_on_demand || entry->full || !IsFull(entry->in_flight, entry->rdy)) return false;
  entry->full = true;
  return mode_ == Mode::kNormal && links_.size() > 1 && !scarce();
}

void ReadyBook::OnAnswer(LinkId link) {
  Entry* const entry = Find(link);
  if (entry != nullptr && entry->in_flight > 0) --entry->in_flight;
}

// The one that has been without RDY for the longest time, or never had any.
ReadyBook::Entry* ReadyBook::LongestWithout() {
  Entry* chosen = nullptr;
  for (Entry& entry : links_) {
    if (entry.wanted > 0 || entry.max_rdy <= 0) continue;
    if (chosen == nullptr || entry.turn < chosen->turn) chosen = &entry;
  }
  return chosen;
}

void ReadyBook::WantScarce() {
  int left = max_in_flight_;
  for (Entry& entry : links_) {
    entry.wanted = entry.rdy > 0 && left > 0 ? 1 : 0;
    left -= entry.wanted;
  }
  for (const Entry& entry : links_) {
    if (entry.wanted == 0) left -= entry.in_flight;
  }
  for (; left > 0; --left) {
    Entry* const next = LongestWithout();
    if (next == nullptr) return;
    next->wanted = 1;
  }
}

void ReadyBook::WantTrying() {
  bool somebody = false;
  for (Entry& entry : links_) {
    entry.wanted = entry.rdy > 0 && !somebody ? 1 : 0;
    somebody = somebody || entry.wanted > 0;
  }
  if (somebody) return;
  if (Entry* const next = LongestWithout()) next->wanted = 1;
}

// Fills everybody up to what it needs, the least needy first; what is left then goes to all.
void ReadyBook::WantByDemand() {
  std::vector<std::pair<int, Entry*>> needs;
  const int share = max_in_flight_ / static_cast<int>(links_.size());
  for (Entry& entry : links_) {
    int need = std::max(1, 2 * std::max(entry.peak, entry.last_peak));
    if (entry.fresh) need = std::max(need, share);
    if (entry.full) need = std::max(need, 2 * entry.rdy + 1);
    needs.emplace_back(std::min(need, entry.max_rdy), &entry);
    entry.wanted = 0;
  }
  int left = max_in_flight_;
  for (const bool needed : {true, false}) {
    std::stable_sort(needs.begin(), needs.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    auto sharers = static_cast<int>(needs.size());
    for (auto& [limit, entry] : needs) {
      const int more = std::min(limit - entry->wanted, (left + sharers - 1) / sharers);
      entry->wanted += more;
      left -= more;
      --sharers;
    }
    if (!needed) return;
    for (auto& [limit, entry] : needs) limit = entry->max_rdy;
  }
}

// What a connection has in flight stays there when its RDY is lowered.
void ReadyBook::WithholdWhatIsNotFree() {
  int room = max_in_flight_;
  const auto taken = [](const Entry& entry) {
    return std::max(std::min(entry.rdy, entry.wanted), entry.in_flight);
  };
  for (const Entry& entry : links_) room -= taken(entry);
  for (Entry& entry : links_) {
    const int has = taken(entry);
    if (entry.wanted <= has) continue;
    const int more = std::min(entry.wanted - has, std::max(room, 0));
    room -= more;
    if (has + more == entry.wanted) continue;
    withheld_ = true;
    // A window no larger than what is in flight already brings nothing.
    entry.wanted = more > 0 ? has + more : std::min(entry.rdy, entry.wanted);
  }
}

std::vector<ReadyBook::Command> ReadyBook::Plan(SteadyTime now) {
  std::vector<Command> commands;
  withheld_ = false;
  if (links_.empty()) return commands;
  if (mode_ == Mode::kPaused || max_in_flight_ <= 0) {
    for (Entry& entry : links_) entry.wanted = 0;
  } else if (mode_ == Mode::kTrying) {
    WantTrying();
  } else if (links_.size() > static_cast<size_t>(max_in_flight_)) {
    WantScarce();
  } else if (options_.rdy_on_demand) {
    WantByDemand();
    WithholdWhatIsNotFree();
  } else {
    const int share = max_in_flight_ / static_cast<int>(links_.size());
    for (Entry& entry : links_) entry.wanted = std::min(share, entry.max_rdy);
  }
  for (const bool decreases : {true, false}) {
    for (Entry& entry : links_) {
      if (entry.wanted == entry.rdy || (entry.wanted < entry.rdy) != decreases) continue;
      if (entry.rdy == 0) {
        entry.since = now;
        entry.turn = ++turns_;
      }
      if (entry.wanted > entry.rdy) entry.full = false;
      entry.rdy = entry.wanted;
      commands.push_back({entry.link, entry.rdy});
    }
  }
  return commands;
}

std::vector<ReadyBook::Command> ReadyBook::Redistribute(SteadyTime now) {
  for (Entry& entry : links_) {
    entry.last_peak = std::exchange(entry.peak, entry.in_flight);
    entry.full = IsFull(std::max(entry.peak, entry.last_peak), entry.rdy);
    entry.fresh = false;
  }
  const bool trying = mode_ == Mode::kTrying && links_.size() > 1;
  if (!trying && !scarce()) return Plan(now);
  std::vector<Command> commands;
  for (Entry& entry : links_) {
    if (entry.rdy == 0) continue;
    const SteadyTime used = std::max(entry.last_message, entry.since);
    if (now - used < options_.low_rdy_idle_timeout &&
        now - entry.since < options_.low_rdy_timeout) {
      continue;
    }
    entry.rdy = 0;
    commands.push_back({entry.link, 0});
  }
  const std::vector<Command> given = Plan(now);
  commands.insert(commands.end(), given.begin(), given.end());
  return commands;
}

int ReadyBook::rdy(LinkId link) const {
  const Entry* const entry = Find(link);
  return entry == nullptr ? 0 : entry->rdy;
}

int ReadyBook::in_flight(LinkId link) const {
  const Entry* const entry = Find(link);
  return entry == nullptr ? 0 : entry->in_flight;
}

SteadyTime ReadyBook::last_message(LinkId link) const {
  const Entry* const entry = Find(link);
  return entry == nullptr ? SteadyTime() : entry->last_message;
}

int ReadyBook::total_in_flight() const {
  int total = 0;
  for (const Entry& entry : links_) total += entry.in_flight;
  return total;
}

}  // namespace nsq::client
