#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "archive.hpp"
#include "bindings.hpp"
#include "buffer.hpp"
#include "docstrings.hpp"
#include "fastcall.hpp"
#include "inspection.hpp"
#include "options.hpp"
#include "release.hpp"
#include "sampling.hpp"
#include "sharpwave/error.hpp"

namespace sharpwave::bindings {
namespace {

// What Python passes beside the fields.
struct Settings {
  std::size_t capacity;
  std::size_t num_envs;
  std::size_t n_step;
  double gamma;
  bool is_reservoir;
  bool skip_resets;
  std::uint64_t seed;
};

Options core_options(const Settings& settings, const py::object& sampler,
                     const std::optional<HindsightOptions>& hindsight) {
  return {settings.capacity,
          settings.num_envs,
          settings.n_step,
          settings.gamma,
          settings.is_reservoir ? Insertion::kReservoir : Insertion::kLatest,
          settings.skip_resets,
          sampler_options(sampler),
          hindsight,
          settings.seed};
}

std::unique_ptr<Buffer> make(const py::object& obs, const py::object& action,
                             const py::dict& extra_fields, const std::vector<std::size_t>& frames,
                             const Settings& settings, const py::object& batch_type,
                             const py::object& cast, const Hooks& hooks,
                             const py::object& hindsight) {
  Leaves obs_leaves;
  Leaves next_obs_leaves;
  Leaves action_leaves;
  Leaves extra_leaves;
  Tree obs_tree(obs, "obs", obs_leaves);
  Tree next_obs_tree(obs, "next_obs", next_obs_leaves);
  Tree action_tree(action, "action", action_leaves);
  for (const auto& [name, field] : extra_fields) {
    Tree(field, name.cast<std::string>(), extra_leaves);
  }
  for (std::size_t f = 0; f < frames.size(); ++f) obs_leaves.fields[f].frames = frames[f];
  const Options options =
      core_options(settings, hooks.sampler, hindsight_options(hindsight, obs_leaves));
  std::vector<ColumnType> types = std::move(obs_leaves.types);
  types.insert(types.end(), action_leaves.types.begin(), action_leaves.types.end());
  types.emplace_back("reward", py::dtype::of<float>(), std::vector<py::ssize_t>{});
  types.insert(types.end(), extra_leaves.types.begin(), extra_leaves.types.end());
  BatchShape shape{std::move(obs_tree),
                   std::move(next_obs_tree),
                   std::move(action_tree),
                   std::move(types),
                   std::move(next_obs_leaves.types),
                   {"terminated", py::dtype::of<bool>(), {}},
                   {"truncated", py::dtype::of<bool>(), {}},
                   {"discount", py::dtype::of<float>(), {}},
                   {"index", py::dtype::of<std::int64_t>(), {}},
                   {"weight", py::dtype::of<float>(), {}},
                   {"mask", py::dtype::of<bool>(), {}},
                   batch_type};
  Schema schema(std::move(obs_leaves.fields), std::move(action_leaves.fields),
                std::move(extra_leaves.fields));
  return std::make_unique<Buffer>(std::move(shape), std::move(schema), options, Casting(cast),
                                  hooks);
}

// The stored rows of one column, in slot order: (rows, *field), or (num_envs, rows, *field).
py::array view(const Buffer& buffer, const Column& column, const ArrayType& type,
               const py::object& owner) {
  const std::size_t rows = [&] {
    const Released released;
    return buffer.core.longest();
  }();
  const auto environments = static_cast<py::ssize_t>(buffer.core.options().environments);
  const auto stride = static_cast<py::ssize_t>(column.stride);
  std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(rows)};
  std::vector<py::ssize_t> strides{stride};
  if (environments > 1) {
    shape.insert(shape.begin(), environments);
    strides.insert(strides.begin(), stride * static_cast<py::ssize_t>(buffer.core.ring_capacity()));
  }
  for (const py::ssize_t step : py::detail::c_strides(type.shape, type.dtype.itemsize())) {
    strides.push_back(step);
  }
  return view_over(type.dtype, type.shape_behind(shape), strides, column.data, owner);
}

py::object get(const py::object& self, const std::string& name) {
  const Buffer& buffer = buffer_of(self);
  const Schema& schema = buffer.core.schema();
  const auto column = [&](std::size_t f) {
    if (schema.fields()[f].is_stack()) {
      throw UnknownName("'" + schema.fields()[f].name +
                        "' has no view: its stacks are stored frame by frame; sample() and rows() "
                        "rebuild them");
    }
    return py::object(view(buffer, buffer.core.column(f), buffer.shape.types[f].stored, self));
  };
  const auto flag = [&](std::size_t offset) {
    Column metas = buffer.core.metas();
    metas.data += offset;
    return py::object(view(buffer, metas, buffer.shape.terminated.stored, self));
  };
  const auto nothing = [](const py::object&) {};
  if (name == "obs") return buffer.shape.obs.build(column, nothing);
  if (name == "action") {
    return buffer.shape.action.build([&](std::size_t f) { return column(schema.obs().size() + f); },
                                     nothing);
  }
  if (name == "terminated") return flag(offsetof(Meta, terminated));
  if (name == "truncated") return flag(offsetof(Meta, truncated));
  for (std::size_t f = schema.reward(); f < buffer.shape.types.size(); ++f) {
    if (buffer.shape.types[f].name == name) return column(f);
  }
  throw UnknownName("'" + name +
                    "' is not a stored column; those are obs, action, reward, "
                    "terminated, truncated and the extra fields (a row's next_obs is the obs of "
                    "the row behind it, and is given by sample())");
}

void end_episode(const py::object& self, const py::object& env_ids) {
  Buffer& buffer = buffer_of(self);
  const Environments chosen(env_ids.ptr(), buffer.core.all_environments());
  const Released released;
  buffer.core.end_episode(chosen.get());
}

// A method or property that calls `function` with the core, without the GIL: it may have to wait
// for the lock, and whoever holds the lock may be waiting for the GIL.
template <typename Function>
auto of_core(Function function) {
  return [function](const py::object& self) {
    ReplayBuffer& core = buffer_of(self).core;
    const Released released;
    return function(core);
  };
}

// Takes the lock while it has the interpreter, and at no other time: a call that has found the lock
// free, and so keeps the interpreter, finds it free still when it takes it.
void before_fork(const py::object& self) {
  ReplayBuffer& core = buffer_of(self).core;
  while (!core.try_before_fork()) {
    const Released released;
    std::this_thread::yield();
  }
}

void bind_forking(py::class_<Buffer>& buffer) {
  constexpr const char* kDoc = "For sharpwave._fork.";
  buffer.def("_before_fork", &before_fork, kDoc)
      .def("_after_fork_in_parent",
           of_core([](ReplayBuffer& core) { core.after_fork_in_parent(); }), kDoc)
      .def(
          "_after_fork_in_child",
          [](const py::object& self, std::uint64_t pid) {
            buffer_of(self).core.after_fork_in_child(pid);
          },
          py::arg("pid"), kDoc);
}

void bind_properties(py::class_<Buffer>& buffer) {
  buffer
      .def_property_readonly("capacity",
                             of_core([](const ReplayBuffer& core) { return core.capacity(); }),
                             "The transitions that fit: ``capacity // num_envs * num_envs``.")
      .def_property_readonly(
          "num_envs", of_core([](const ReplayBuffer& core) { return core.options().environments; }),
          "How many environments have a stream of their own.")
      .def_property_readonly("nbytes",
                             of_core([](const ReplayBuffer& core) { return core.size_bytes(); }),
                             "Bytes of memory held for storage.");
}

// Read and set by the Python class, which checks them.
void bind_windows(py::class_<Buffer>& buffer) {
  buffer
      .def_property("_n_step", of_core([](const ReplayBuffer& core) { return core.n_step(); }),
                    [](const py::object& self, std::size_t n_step) {
                      ReplayBuffer& core = buffer_of(self).core;
                      const Released released;
                      core.set_n_step(n_step);
                    })
      .def_property("_gamma", of_core([](const ReplayBuffer& core) { return core.gamma(); }),
                    [](const py::object& self, double gamma) {
                      ReplayBuffer& core = buffer_of(self).core;
                      const Released released;
                      core.set_gamma(gamma);
                    });
}

std::unique_ptr<Buffer> init(std::size_t capacity, const py::object& obs, const py::object& action,
                             const py::dict& extra_fields, const std::vector<std::size_t>& frames,
                             std::size_t num_envs, std::size_t n_step, double gamma,
                             const py::object& sampler, bool is_reservoir, bool skip_resets,
                             std::uint64_t seed, const py::object& batch_type,
                             const py::object& cast, const py::object& final_obs,
                             const py::object& hindsight, const py::object& rewards) {
  return make(obs, action, extra_fields, frames,
              {capacity, num_envs, n_step, gamma, is_reservoir, skip_resets, seed}, batch_type,
              cast, {final_obs, rewards, sampler}, hindsight);
}

}  // namespace

void bind_replay_buffer(py::module_& m) {
  py::class_<Buffer> buffer(m, "ReplayBuffer");
  buffer
      .def(py::init(&init), py::kw_only(), py::arg("capacity"), py::arg("obs"), py::arg("action"),
           py::arg("extra_fields"), py::arg("frames"), py::arg("num_envs"), py::arg("n_step"),
           py::arg("gamma"), py::arg("sampler"), py::arg("is_reservoir"), py::arg("skip_resets"),
           py::arg("seed"), py::arg("batch_type"), py::arg("cast"), py::arg("final_obs"),
           py::arg("hindsight"), py::arg("rewards"))
      .def("sample_sequences", &sample_sequences, py::arg("batch_size"), py::arg("length"),
           py::arg("burn_in") = 0, py::arg("period") = 1, doc::kSampleSequences)
      .def("rows", &rows, py::arg("index"), py::arg("n_step") = py::none(), doc::kRows)
      .def("_stats", &stats)
      .def("_listing", &listing)
      .def("end_episode", &end_episode, py::arg("env_ids") = py::none(),
           "Cut the streams of these environments here, as an explicit reset does. Default: all.")
      .def("clear", of_core([](ReplayBuffer& core) { core.clear(); }),
           "Forget every row. The generator goes on, and so do the names in ``batch.index``.")
      .def("__len__", of_core([](const ReplayBuffer& core) { return core.size(); }))
      .def("__getitem__", &get, py::arg("name"),
           "A read-only view, without a copy, of a column in slot order, as it is stored: bfloat16 "
           "as\n"
           "its bits in uint16, packed bits as numpy.packbits gives them.");
  bind_forking(buffer);
  bind_properties(buffer);
  bind_windows(buffer);
  bind_archive(m, buffer);
  attach_fast_methods(buffer);
}

}  // namespace sharpwave::bindings
