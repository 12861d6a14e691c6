// A device of torch whose memory is a second one inside of RAM: tensors on it are real, every copy to and from it is
// counted, and so is the most that it held at once. What it computes, the CPU computes in that memory.
#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/view_native.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/native/Resize.h>
#include <ATen/EmptyTensor.h>
#include <c10/core/impl/alloc_cpu.h>
#include <torch/library.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

namespace {
constexpr auto KEY = c10::DeviceType::HPU;
int64_t held = 0, peak = 0, to_device = 0, to_ram = 0;

struct Held { void* data; int64_t bytes; };

void give_back(void* context) {
  auto* one = static_cast<Held*>(context);
  held -= one->bytes;
  c10::free_cpu(one->data);
  delete one;
}

struct Memory : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* data = c10::alloc_cpu(bytes);
    held += bytes;
    peak = std::max(peak, held);
    return {data, new Held{data, static_cast<int64_t>(bytes)}, &give_back, c10::Device(KEY, 0)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { std::memcpy(to, from, bytes); }
};
Memory memory;
REGISTER_ALLOCATOR(KEY, &memory);
C10_REGISTER_GUARD_IMPL(HPU, c10::impl::NoOpDeviceGuardImpl<KEY>)

at::Tensor empty(c10::SymIntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                 std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(C10_AS_INTARRAYREF_SLOW(size), &memory, c10::DispatchKeySet(c10::DispatchKey::HPU),
                                   c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(c10::SymIntArrayRef size, c10::SymIntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), &memory,
                                           c10::DispatchKeySet(c10::DispatchKey::HPU), c10::dtype_or_default(dtype));
}

// The same memory, as the CPU sees it.
at::Tensor seen(const at::Tensor& tensor) {
  if (tensor.device().type() != KEY) return tensor;
  return at::from_blob(const_cast<void*>(tensor.const_data_ptr()), tensor.sizes(), tensor.strides(),
                       [tensor](void*) {}, at::TensorOptions().dtype(tensor.dtype()).device(at::kCPU));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool) {
  if (from.is_cpu() && to.device().type() == KEY) to_device += from.nbytes();
  if (to.is_cpu() && from.device().type() == KEY) to_ram += to.nbytes();
  if (to.numel()) seen(to).copy_(seen(from));
  return to;
}

at::Tensor as_strided(const at::Tensor& self, c10::SymIntArrayRef size, c10::SymIntArrayRef stride,
                      std::optional<c10::SymInt> offset) {
  std::optional<int64_t> start;
  if (offset) start = offset->guard_int(__FILE__, __LINE__);
  return at::native::as_strided_tensorimpl(self, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride), start);
}

at::Tensor view(const at::Tensor& self, c10::SymIntArrayRef size) {
  return at::native::view(self, C10_AS_INTARRAYREF_SLOW(size));
}

at::Tensor reshape_alias(const at::Tensor& self, c10::SymIntArrayRef size, c10::SymIntArrayRef stride) {
  return at::native::_reshape_alias(self, C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride));
}

at::Tensor& set_source(at::Tensor& self, at::Storage source, c10::SymInt offset, c10::SymIntArrayRef size,
                       c10::SymIntArrayRef stride) {
  return at::native::set_storage_cpu_(self, std::move(source), offset.guard_int(__FILE__, __LINE__),
                                      C10_AS_INTARRAYREF_SLOW(size), C10_AS_INTARRAYREF_SLOW(stride));
}

const at::Tensor& resize(const at::Tensor& self, c10::SymIntArrayRef size, std::optional<at::MemoryFormat> format) {
  auto wanted = C10_AS_INTARRAYREF_SLOW(size);
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_sizes_contiguous(wanted);
  size_t bytes = (impl->storage_offset() + impl->numel()) * impl->itemsize();
  if (bytes > impl->storage().nbytes()) {
    auto fresh = memory.allocate(bytes);
    impl->unsafe_storage().set_data_ptr(std::move(fresh));
    impl->unsafe_storage().set_nbytes(bytes);
  }
  return self;
}

// A result of the CPU as a tensor of this device: what lies in an argument's memory is a view of that argument.
at::Tensor back(const at::Tensor& made, const std::vector<at::Tensor>& given) {
  if (!made.defined()) return made;
  auto* place = static_cast<const char*>(made.const_data_ptr());
  for (const auto& one : given) {
    auto* start = static_cast<const char*>(one.storage().data());
    if (place == nullptr || place < start || place >= start + one.storage().nbytes()) continue;
    auto view = at::detail::make_tensor<c10::TensorImpl>(
        c10::Storage(one.storage()), c10::DispatchKeySet(c10::DispatchKey::HPU), made.dtype());
    view.unsafeGetTensorImpl()->set_sizes_and_strides(made.sizes(), made.strides());
    view.unsafeGetTensorImpl()->set_storage_offset((place - start) / made.itemsize());
    return view;
  }
  at::Tensor here = at::detail::empty_strided_generic(made.sizes(), made.strides(), &memory,
                                                c10::DispatchKeySet(c10::DispatchKey::HPU), made.scalar_type());
  if (made.numel()) seen(here).copy_(made);
  return here;
}

// Calls the CPU's kernel on the same memory.
void on_cpu(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& schema = op.schema();
  const size_t count = schema.arguments().size(), first = stack->size() - count;
  std::vector<c10::IValue> before(stack->begin() + first, stack->end());
  std::vector<at::Tensor> given;
  auto lend = [&](const at::Tensor& tensor) {
    if (tensor.defined() && tensor.device().type() == KEY) given.push_back(tensor);
    return tensor.defined() ? seen(tensor) : tensor;
  };
  for (size_t k = 0; k < count; k++) {
    auto& value = (*stack)[first + k];
    if (value.isTensor() && schema.arguments()[k].is_out()) {
      value = at::empty({0}, value.toTensor().options().device(at::kCPU));  // it may have to grow
    } else if (value.isTensor()) {
      value = lend(value.toTensor());
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(lend(tensor));
      value = list;
    } else if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list;
      for (const auto& tensor : value.toOptionalTensorVector())
        list.push_back(tensor ? std::optional<at::Tensor>(lend(*tensor)) : std::nullopt);
      value = list;
    } else if (value.isDevice()) {
      value = c10::Device(at::kCPU);
    }
  }
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  const size_t results = schema.returns().size(), from = stack->size() - results;
  for (size_t k = 0; k < results; k++) {
    auto& value = (*stack)[from + k];
    const auto* alias = schema.returns()[k].alias_info();
    if (alias && alias->isWrite()) {
      for (size_t i = 0; i < count; i++) {
        const auto* same = schema.arguments()[i].alias_info();
        if (!same || !(*same == *alias)) continue;
        if (schema.arguments()[i].is_out()) {
          at::Tensor grown = before[i].toTensor();
          at::Tensor made = value.toTensor();
          grown.resize_(made.sizes());
          if (made.numel()) seen(grown).copy_(made);
        }
        value = before[i];
      }
    } else if (value.isTensor()) {
      value = back(value.toTensor(), given);
    } else if (value.isTensorList()) {
      c10::List<at::Tensor> list;
      for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(back(tensor, given));
      value = list;
    }
  }
}
at::Tensor convolution(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                       c10::SymIntArrayRef stride, c10::SymIntArrayRef padding, c10::SymIntArrayRef dilation,
                       bool transposed, c10::SymIntArrayRef output_padding, c10::SymInt groups) {
  std::optional<at::Tensor> added;
  if (bias && bias->defined()) added = seen(*bias);
  return back(at::convolution(seen(input), seen(weight), added, C10_AS_INTARRAYREF_SLOW(stride),
                              C10_AS_INTARRAYREF_SLOW(padding), C10_AS_INTARRAYREF_SLOW(dilation), transposed,
                              C10_AS_INTARRAYREF_SLOW(output_padding), groups.guard_int(__FILE__, __LINE__)),
              {});
}
}  // namespace

TORCH_LIBRARY_IMPL(aten, HPU, m) {
  m.impl("empty.memory_format", &empty);
  m.impl("empty_strided", &empty_strided);
  m.impl("_copy_from", &copy_from);
  m.impl("as_strided", &as_strided);
  m.impl("view", &view);
  m.impl("_reshape_alias", &reshape_alias);
  m.impl("set_.source_Storage_storage_offset", &set_source);
  m.impl("resize_", &resize);
  m.impl("convolution_overrideable", &convolution);
}

TORCH_LIBRARY_IMPL(_, HPU, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&on_cpu>()); }

TORCH_LIBRARY(second_memory, m) {
  m.def("counted() -> int[]", [] { return std::vector<int64_t>{held, peak, to_device, to_ram}; });
  m.def("reset() -> ()", [] { peak = held; to_device = to_ram = 0; });
}
