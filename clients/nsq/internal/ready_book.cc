#include "clients/nsq/internal/ready_book.h"

#include <algorithm>

namespace nsq::client {

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

void ReadyBook::OnMessages(LinkId link, int count, SteadyTime now) {
  Entry* const entry = Find(link);
  if (entry == nullptr) return;
  entry->in_flight += count;
  entry->last_message = now;
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

std::vector<ReadyBook::Command> ReadyBook::Plan(SteadyTime now) {
  std::vector<Command> commands;
  if (links_.empty()) return commands;
  if (mode_ == Mode::kPaused || max_in_flight_ <= 0) {
    for (Entry& entry : links_) entry.wanted = 0;
  } else if (mode_ == Mode::kTrying) {
    WantTrying();
  } else if (links_.size() > static_cast<size_t>(max_in_flight_)) {
    WantScarce();
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
      entry.rdy = entry.wanted;
      commands.push_back({entry.link, entry.rdy});
    }
  }
  return commands;
}

std::vector<ReadyBook::Command> ReadyBook::Redistribute(SteadyTime now) {
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
