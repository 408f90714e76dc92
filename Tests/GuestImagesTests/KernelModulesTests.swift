import GuestImages
import Testing

@Suite struct KernelModulesTests {
    private static let modules = KernelModules(
        dependencies: """
            kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko
            kernel/drivers/virtio/virtio_ring.ko:
            kernel/drivers/virtio/virtio_mmio.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
            kernel/fs/ext4/ext4.ko: kernel/crypto/crc32c-generic.ko kernel/fs/jbd2/jbd2.ko
            kernel/crypto/crc32c-generic.ko:
            kernel/fs/jbd2/jbd2.ko:
            """
    )

    @Test func everyModuleComesAfterThoseItNeedsAndOnce() {
        #expect(
            Self.modules.loadOrder(["virtio_mmio", "ext4", "virtio"]) == [
                "kernel/drivers/virtio/virtio_ring.ko", "kernel/drivers/virtio/virtio.ko",
                "kernel/drivers/virtio/virtio_mmio.ko", "kernel/fs/jbd2/jbd2.ko", "kernel/crypto/crc32c-generic.ko",
                "kernel/fs/ext4/ext4.ko",
            ]
        )
    }

    @Test func whatIsBuiltInIsPassedOver() {
        #expect(Self.modules.loadOrder(["tmpfs", "crc32c_generic"]) == ["kernel/crypto/crc32c-generic.ko"])
    }
}
