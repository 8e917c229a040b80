#include "sharpwave/replay_buffer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <variant>

#include "sharpwave/error.hpp"
#include "sharpwave/samplers/uniform.hpp"

namespace sharpwave {
namespace {

std::size_t rows_per_environment(const Options& options) {
  if (options.environments == 0) throw InvalidValue("num_envs: expected at least 1, got 0");
  if (options.capacity < options.environments) {
    throw InvalidValue("capacity: expected at least one transition for each of the " +
                       std::to_string(options.environments) + " environments, got " +
                       std::to_string(options.capacity));
  }
  return options.capacity / options.environments;
}

RingOptions rings(const Options& options, std::size_t capacity) {
  return {options.environments, capacity, options.insertion, options.skip_resets, options.seed};
}

template <typename Sampler>
void add_to(Sampler& sampler, Transitions& transitions, const Steps& steps) {
  constexpr std::size_t kAhead = 8;
  const auto environments = steps.environments;
  std::size_t row = 0;
  for (std::size_t step = 0; step < steps.steps; ++step) {
    for (std::size_t i = 0; i < environments.size(); ++i) {
      if (i + kAhead < environments.size()) transitions.expect(environments[i + kAhead]);
      const std::uint32_t environment = environments[i];
      const auto place = transitions.add(steps, row++, environment);
      if constexpr (requires { sampler.added(*place); }) {
        if (place) sampler.added(*place);
      }
    }
  }
}

Uniform uniform_of(UniformChoice /*chosen*/, Rng& rng, std::span<const Ring> rings) {
  return {rng, rings};
}
Uniform uniform_of(Recency& recency, Rng& rng, std::span<const Ring> rings) {
  return recency.next(rng, rings);
}

[[noreturn]] void refuse_sequences() {
  throw InvalidValue(
      "no sequence can begin at any row that the sampler draws: every episode stored is shorter "
      "than burn_in + 1; lower burn_in or add longer episodes");
}

// Windows of other lengths, for a while.
class WithSteps {
 public:
  WithSteps(NStep& n_step, std::size_t steps) : n_step_(n_step), before_(n_step.n_step()) {
    n_step.set_n_step(steps);
  }
  ~WithSteps() { n_step_.set_n_step(before_); }
  WithSteps(const WithSteps&) = delete;
  WithSteps(WithSteps&&) = delete;
  WithSteps& operator=(const WithSteps&) = delete;
  WithSteps& operator=(WithSteps&&) = delete;

 private:
  NStep& n_step_;
  std::size_t before_;
};

// R2D2's priority of a sequence, from the steps that are no padding.
float mixed(std::span<const std::int64_t> index, std::span<const float> td_error, double eta) {
  double most = 0.0;
  double sum = 0.0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < td_error.size(); ++i) {
    if (index[i] < 0) continue;
    const double size = std::abs(static_cast<double>(td_error[i]));
    most = std::max(most, size);
    sum += size;
    ++count;
  }
  return count == 0
             ? 0.0F
             : static_cast<float>(eta * most + (1.0 - eta) * sum / static_cast<double>(count));
}

[[noreturn]] void refuse_name(std::int64_t index) {
  throw InvalidValue("index: " + std::to_string(index) + " names no transition of this buffer");
}

void check_finite(Values<std::int64_t> index, std::span<const float> errors) {
  if (kernels().all_finite(errors.data(), errors.size())) return;
  std::size_t at = 0;
  while (std::isfinite(errors[at])) ++at;
  throw InvalidValue("td_error: expected finite values, got " + std::to_string(errors[at]) +
                     " for index " + std::to_string(index.data[at * index.steps]));
}

}  // namespace

ReplayBuffer::ReplayBuffer(Schema schema, const Options& options)
    : schema_(std::move(schema)),
      options_(options),
      ring_capacity_(rows_per_environment(options)),
      all_(options.environments),
      pool_(std::make_shared<BlockPool>()),
      has_priorities_(options.sampler.has_priorities()),
      transitions_(schema_, rings(options, ring_capacity_)),
      n_step_(transitions_.table(), transitions_.table().offset(schema_.reward()), ring_capacity_),
      rng_(options.seed),
      gather_(schema_, transitions_, n_step_),
      sampler_(make_sampler(options.sampler, options.environments, ring_capacity_)) {
  std::iota(all_.begin(), all_.end(), 0U);
  n_step_.set_n_step(options.n_step);
  n_step_.set_gamma(options.gamma);
}

void ReplayBuffer::add(const Steps& steps) {
  const std::lock_guard lock(mutex_);
  transitions_.reserve(steps);
  std::visit([&](auto& sampler) { add_to(sampler, transitions_, steps); }, sampler_);
}

void ReplayBuffer::end_episode(std::span<const std::uint32_t> environments) {
  const std::lock_guard lock(mutex_);
  for (const std::uint32_t environment : environments) transitions_.end_episode(environment);
}

void ReplayBuffer::clear() {
  const std::lock_guard lock(mutex_);
  transitions_.clear();
  std::visit(
      [](auto& sampler) {
        if constexpr (requires { sampler.clear(); }) sampler.clear();
      },
      sampler_);
}

void ReplayBuffer::after_fork_in_child(std::uint64_t process) {
  rng_ = Rng(rng_.next(), process);
  transitions_.reseed(rng_.next());
  mutex_.unlock();
}

bool ReplayBuffer::is_busy() const {
  return !std::unique_lock(mutex_, std::try_to_lock).owns_lock();
}

void ReplayBuffer::set_n_step(std::size_t n_step) {
  const std::lock_guard lock(mutex_);
  n_step_.set_n_step(n_step);
}

void ReplayBuffer::set_gamma(double gamma) {
  const std::lock_guard lock(mutex_);
  n_step_.set_gamma(gamma);
}

void ReplayBuffer::require_rows() const {
  for (const Ring& ring : transitions_.rings()) {
    if (ring.size() != 0) return;
  }
  throw InvalidValue("the buffer is empty: add transitions before sampling");
}

// Rows are copied a tile at a time, each as soon as the next ones are drawn.
template <typename DrawUntil>
void ReplayBuffer::copy_as_drawn(const BatchLayout& layout, std::byte* block,
                                 DrawUntil draw_until) {
  const std::span<const std::uint64_t> rows = drawn_;
  const std::size_t tile = Gather::tile_for(rows.size());
  draw_until(std::min(Gather::kAhead, rows.size()));
  for (std::size_t begin = 0; begin < rows.size(); begin += tile) {
    draw_until(std::min(begin + tile + Gather::kAhead, rows.size()));
    const std::size_t count = std::min(tile, rows.size() - begin);
    gather_.copy_hot(rows.subspan(begin, count), begin, {layout, block});
  }
  gather_.copy_cold(rows, {layout, block});
}

void ReplayBuffer::sample_uniform(const BatchLayout& layout, std::byte* block) {
  auto* const index = reinterpret_cast<std::int64_t*>(block + layout.index);
  Uniform uniform(rng_, transitions_.rings());
  std::size_t drawn = 0;
  copy_as_drawn(layout, block, [&](std::size_t end) {
    if (drawn == end) return;
    const std::size_t count = end - drawn;
    const Drawn out{std::span(drawn_).subspan(drawn, count), {index + drawn, count}};
    gather_.with_prefetch([&](auto prefetch) { uniform.draw(out, prefetch); });
    drawn = end;
  });
}

// What is drawn comes with its priority, which then becomes its weight.
void ReplayBuffer::sample_prioritized(Prioritized& sampler, float beta, const BatchLayout& layout,
                                      std::byte* block) {
  const std::span weight(reinterpret_cast<float*>(block + layout.weight), layout.rows);
  Strata strata = sampler.strata({drawn_, weight});
  copy_as_drawn(layout, block, [&](std::size_t end) {
    gather_.with_prefetch([&](auto prefetch) { strata.draw_until(end, rng_, prefetch); });
  });
  name(drawn_, reinterpret_cast<std::int64_t*>(block + layout.index));
  sampler.weigh(beta, weight);
}

// Copies the rows of drawn_, which are on their way already.
void ReplayBuffer::copy(const BatchLayout& layout, std::byte* block) {
  const std::span<const std::uint64_t> rows = drawn_;
  for (std::size_t begin = 0; begin < rows.size(); begin += Gather::kTile) {
    const std::size_t count = std::min(Gather::kTile, rows.size() - begin);
    gather_.copy_hot(rows.subspan(begin, count), begin, {layout, block});
  }
  gather_.copy_cold(rows, {layout, block});
  name(rows, reinterpret_cast<std::int64_t*>(block + layout.index));
}

void ReplayBuffer::name(std::span<const std::uint64_t> places, std::int64_t* index) const {
  const auto name_by = [&](auto index_at) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      index[i] = places[i] == Gather::kPadding ? -1 : index_at(places[i]);
    }
  };
  const std::span<const Ring> rings = transitions_.rings();
  if (rings.size() == 1 && !rings.front().is_reservoir()) {
    name_by([order = rings.front().order()](std::uint64_t place) { return order.time(place); });
  } else {
    name_by([this](std::uint64_t place) { return transitions_.index_at(place); });
  }
}

template <typename Use>
void ReplayBuffer::with_draw(Use use) {
  const std::span<const Ring> rings = transitions_.rings();
  const auto draw_from = [&](auto& sampler, auto prefetch) {
    if constexpr (requires { sampler.draw(rng_, std::span(drawn_), prefetch); }) {
      use([&](std::span<std::uint64_t> places) { sampler.draw(rng_, places, prefetch); });
    } else {
      Uniform uniform = uniform_of(sampler, rng_, rings);
      use([&](std::span<std::uint64_t> places) {
        names_.resize(places.size());
        uniform.draw({places, names_}, prefetch);
      });
    }
  };
  gather_.with_prefetch([&](auto prefetch) {
    std::visit([&](auto& sampler) { draw_from(sampler, prefetch); }, sampler_);
  });
}

void ReplayBuffer::weigh(const Draws& draws, std::span<const std::uint64_t> places,
                         const BatchLayout& layout, std::byte* block) {
  auto* const weight = reinterpret_cast<float*>(block + layout.weight);
  std::visit(
      [&](auto& sampler) {
        const std::span<float> out(weight, places.size());
        if constexpr (requires { sampler.weigh(places, draws.beta, out); }) {
          sampler.weigh(places, draws.beta, out);
        }
      },
      sampler_);
}

Relabelled ReplayBuffer::sample(const Draws& draws, const BatchLayout& layout, std::byte* block) {
  const std::lock_guard lock(mutex_);
  require_rows();
  batch_size_ = layout.rows;
  drawn_.resize(layout.rows);
  if (std::holds_alternative<UniformChoice>(sampler_)) {
    sample_uniform(layout, block);
  } else if (auto* const prioritized = std::get_if<Prioritized>(&sampler_)) {
    sample_prioritized(*prioritized, draws.beta, layout, block);
  } else {
    with_draw([&](auto draw) { draw(drawn_); });
    copy(layout, block);
    if (layout.options.has_weight) weigh(draws, drawn_, layout, block);
  }
  return relabel(layout, block);
}

// All rows at which a sequence may begin, with what each is drawn in proportion to: its priority,
// or
// 1. Looked for where hardly any draw falls on them.
Eligible ReplayBuffer::eligible(const Sequences& sequences) {
  std::vector<float> priorities;
  std::visit(
      [&](auto& sampler) {
        if constexpr (requires { sampler.read(std::span(priorities)); }) {
          priorities.resize(capacity());
          sampler.read(priorities);
        }
      },
      sampler_);
  Eligible found;
  for (std::size_t e = 0; e < options_.environments; ++e) {
    for (std::size_t slot = 0; slot < transitions_.rings()[e].size(); ++slot) {
      const std::uint64_t place = e * ring_capacity_ + slot;
      const double share = priorities.empty() ? 1.0 : static_cast<double>(priorities[place]);
      if (share > 0 && sequences.may_begin(place)) found.add(place, share);
    }
  }
  return found;
}

// Places that the sampler draws and at which a sequence may begin. One that may not is drawn again,
// which leaves the others their share; after many draws in vain the rows where one may are listed
// instead. Without replacement each of them comes within an epoch.
void ReplayBuffer::begin_sequences(const Sequences& sequences, std::span<std::uint64_t> begins) {
  constexpr std::size_t kTries = 10'000;
  const bool ends_by_itself = std::holds_alternative<WithoutReplacement>(sampler_);
  const Rng before = rng_;
  if (!sequences.may_begin_anywhere()) refuse_sequences();
  std::optional<Eligible> few;
  with_draw([&](auto draw) {
    draw(begins);
    for (std::uint64_t& begin : begins) {
      for (std::size_t tries = 0; !sequences.may_begin(begin); ++tries) {
        if (tries < kTries || ends_by_itself) {
          draw({&begin, 1});
          continue;
        }
        if (!few) few = eligible(sequences);
        if (few->is_empty()) {
          rng_ = before;
          refuse_sequences();
        }
        begin = few->draw(rng_);
      }
    }
  });
}

Relabelled ReplayBuffer::sample_sequences(const Draws& draws, const SequenceOptions& options,
                                          const BatchLayout& layout, std::byte* block) {
  const std::lock_guard lock(mutex_);
  require_rows();
  const Sequences sequences(transitions_, options);
  begins_.resize(options.samples);
  begin_sequences(sequences, begins_);
  drawn_.resize(layout.rows);
  const std::size_t steps = options.steps();
  for (std::size_t i = 0; i < begins_.size(); ++i) {
    sequences.rows(begins_[i], std::span(drawn_).subspan(i * steps, steps));
  }
  auto* const mask = reinterpret_cast<bool*>(block + layout.mask);
  std::transform(drawn_.begin(), drawn_.end(), mask,
                 [](std::uint64_t place) { return place != Gather::kPadding; });
  copy(layout, block);
  if (layout.options.has_weight) weigh(draws, begins_, layout, block);
  return relabel(layout, block);
}

void ReplayBuffer::rows(std::span<const std::int64_t> index, std::optional<std::size_t> n_step,
                        const BatchLayout& layout, std::byte* block) {
  const std::lock_guard lock(mutex_);
  drawn_.clear();
  for (const std::int64_t each : index) {
    const auto place = transitions_.place_of(each);
    if (!place) {
      throw InvalidValue("index: transition " + std::to_string(each) +
                         " is not stored: it was overwritten, or never added");
    }
    drawn_.push_back(*place);
  }
  const WithSteps steps(n_step_, n_step.value_or(n_step_.n_step()));
  copy(layout, block);
}

// Of each transition, or sequence, the error that counts.
std::span<const float> ReplayBuffer::errors_of(Values<std::int64_t> index, Values<float> td_error) {
  if (index.steps == 1) return td_error.all();
  const std::size_t burn_in = index.steps - td_error.steps;
  errors_.clear();
  for (std::size_t i = 0; i < index.rows; ++i) {
    errors_.push_back(mixed(index.row(i).subspan(burn_in), td_error.row(i), options_.sampler.eta));
  }
  return errors_;
}

// Puts the places of those that are stored into drawn_, and their errors into priorities_; returns
// how many there are.
std::size_t ReplayBuffer::find_known(Values<std::int64_t> index, std::span<const float> errors) {
  std::size_t known = 0;
  const auto find = [&](auto place_of) {
    for (std::size_t i = 0; i < index.rows; ++i) {
      const std::int64_t name = index.data[i * index.steps];
      const std::optional<std::uint64_t> place = place_of(name);
      if (!place && !transitions_.was_given(name)) refuse_name(name);
      drawn_[known] = place.value_or(0);
      priorities_[known] = errors[i];
      known += place.has_value() ? 1 : 0;
    }
  };
  const std::span<const Ring> rings = transitions_.rings();
  if (rings.size() == 1 && !rings.front().is_reservoir()) {
    find([order = rings.front().order()](std::int64_t name) { return order.find(name); });
  } else {
    find([this](std::int64_t name) { return transitions_.place_of(name); });
  }
  return known;
}

void ReplayBuffer::update_priorities(Values<std::int64_t> index, Values<float> td_error) {
  const std::lock_guard lock(mutex_);
  if (!has_priorities_) {
    throw InvalidValue(
        "this buffer's sampler has no priorities: make it with sampler=Prioritized() or "
        "RankPrioritized()");
  }
  const std::span<const float> errors = errors_of(index, td_error);
  check_finite(index, errors);
  drawn_.resize(index.rows);
  priorities_.resize(index.rows);
  const std::size_t known = find_known(index, errors);
  const auto places = std::span<const std::uint64_t>(drawn_).first(known);
  const auto known_errors = std::span<const float>(priorities_).first(known);
  std::visit(
      [&](auto& sampler) {
        if constexpr (requires { sampler.update(places, known_errors); }) {
          sampler.update(places, known_errors);
        }
      },
      sampler_);
}

Relabelled ReplayBuffer::relabel(const BatchLayout& layout, std::byte* block) {
  if (!options_.hindsight) return {};
  const Hindsight hindsight(*options_.hindsight, transitions_, n_step_, gather_);
  return hindsight.relabel(rng_, drawn_, {layout, block});
}

std::size_t ReplayBuffer::n_step() const {
  const std::lock_guard lock(mutex_);
  return n_step_.n_step();
}

double ReplayBuffer::gamma() const {
  const std::lock_guard lock(mutex_);
  return n_step_.gamma();
}

std::size_t ReplayBuffer::size() const {
  const std::lock_guard lock(mutex_);
  return transitions_.size();
}

std::size_t ReplayBuffer::longest() const {
  const std::lock_guard lock(mutex_);
  const auto shorter = [](const Ring& a, const Ring& b) { return a.size() < b.size(); };
  const std::span<const Ring> rings = transitions_.rings();
  return std::max_element(rings.begin(), rings.end(), shorter)->size();
}

std::size_t ReplayBuffer::size_bytes() const {
  const std::lock_guard lock(mutex_);
  return transitions_.size_bytes() + sampler_bytes(sampler_);
}

Stats ReplayBuffer::stats() {
  const std::lock_guard lock(mutex_);
  return stats_of(schema_, transitions_, sampler_, batch_size_);
}

Listing ReplayBuffer::listing() const {
  const std::lock_guard lock(mutex_);
  return listing_of(transitions_);
}

}  // namespace sharpwave
