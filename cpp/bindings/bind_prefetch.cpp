#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bindings.hpp"
#include "buffer.hpp"
#include "errors.hpp"
#include "release.hpp"
#include "sampling.hpp"
#include "sharpwave/error.hpp"
#include "sharpwave/prefetch.hpp"

namespace sharpwave::bindings {
namespace {

// How long a wait goes on before it looks for Ctrl-C.
constexpr std::chrono::milliseconds kPatience{50};

PrefetchOptions options_of(const Buffer& buffer, const py::object& batch_size,
                           const py::object& depth, const py::object& length,
                           const py::object& burn_in, const py::object& period) {
  const std::size_t waiting = count_of(depth.ptr(), "depth");
  if (!length.is_none()) {
    const SequenceOptions sequences = sequence_options(batch_size, length, burn_in, period);
    return {batch_options(buffer, sequences), sequences, waiting};
  }
  if (!burn_in.equal(py::int_(0)) || !period.equal(py::int_(1))) {
    throw InvalidValue("burn_in and period belong to sequences: pass length too");
  }
  return {batch_options(buffer, count_of(batch_size.ptr(), "batch_size")), std::nullopt, waiting};
}

// A Prefetch and the Python buffer that it draws from.
class BoundPrefetch {
 public:
  BoundPrefetch(py::object owner, const PrefetchOptions& options)
      : owner_(std::move(owner)),
        buffer_(buffer_of(owner_)),
        core_(buffer_.core, options, draws_of(buffer_)) {}
  ~BoundPrefetch() { close(); }
  BoundPrefetch(const BoundPrefetch&) = delete;
  BoundPrefetch& operator=(const BoundPrefetch&) = delete;
  BoundPrefetch(BoundPrefetch&&) = delete;
  BoundPrefetch& operator=(BoundPrefetch&&) = delete;

  py::object next() {
    Prefetched batch = wait();
    const Loan loan(buffer_.shape, buffer_.core.schema(), core_.layout(), std::move(batch.block));
    put_rewards(buffer_, batch.relabelled, loan.layout(), loan.block());
    return loan.batch();
  }

  void close() {
    const Released released;
    core_.close();
  }

  void after_fork_in_child() { core_.after_fork_in_child(); }
  [[nodiscard]] PyObject* owner() const { return owner_.ptr(); }

 private:
  Prefetched wait() {
    const Draws draws = draws_of(buffer_);
    std::optional<std::uint64_t> request;
    while (true) {
      {
        const Released released;
        if (!request) request = core_.ask(draws);
        if (auto batch = core_.take(*request, kPatience)) return std::move(*batch);
        if (core_.is_closed()) break;
      }
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
    throw py::stop_iteration();
  }

  py::object owner_;
  Buffer& buffer_;
  Prefetch core_;
};

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  const auto* const prefetch = static_cast<const BoundPrefetch*>(value_of(self));
  if (prefetch != nullptr) Py_VISIT(prefetch->owner());
  return 0;
}

// A buffer that has its own iterator as an attribute is a cycle, which the collector has to see.
// It is broken where the buffer's attributes are cleared.
void make_collectable(PyHeapTypeObject* heap_type) {
  heap_type->ht_type.tp_flags |= Py_TPFLAGS_HAVE_GC;
  heap_type->ht_type.tp_traverse = traverse;
}

std::unique_ptr<BoundPrefetch> make(const py::object& buffer, const py::object& batch_size,
                                    const py::object& depth, const py::object& length,
                                    const py::object& burn_in, const py::object& period) {
  const PrefetchOptions options =
      options_of(buffer_of(buffer), batch_size, depth, length, burn_in, period);
  return std::make_unique<BoundPrefetch>(buffer, options);
}

}  // namespace

void bind_prefetch(py::module_& m) {
  const auto itself = [](const py::object& self) { return self; };
  const auto leave = [](BoundPrefetch& self, const py::args& /*error*/) { self.close(); };
  py::class_<BoundPrefetch>(m, "Prefetch", py::custom_type_setup(make_collectable),
                            "Batches drawn ahead; see ReplayBuffer.prefetch.")
      .def(py::init(&make), py::arg("buffer"), py::arg("batch_size"), py::arg("depth"),
           py::arg("length"), py::arg("burn_in"), py::arg("period"))
      .def("__iter__", itself)
      .def("__next__", &BoundPrefetch::next)
      .def("__enter__", itself)
      .def("__exit__", leave)
      .def("close", &BoundPrefetch::close,
           "End the thread and forget the batches that wait. Whoever waits for one, or asks later, "
           "gets\n"
           "StopIteration.")
      .def("_after_fork_in_child", &BoundPrefetch::after_fork_in_child, "For sharpwave._fork.");
}

}  // namespace sharpwave::bindings
