import Foundation

/// Makes the images that guests of a runtime start from, out of Debian's packages. Needs the network only for packages that
/// it has not had before; and root, because it runs programs of the tree in the tree.
package struct RuntimeImageBuilder: Sendable {
    private let directory: String
    private let store: ImageStore

    /// - Parameter directory: Where packages and images are kept.
    package init(directory: String) throws(GuestImageError) {
        self.directory = directory
        store = try ImageStore(directory: directory)
    }

    /// The image of a runtime, of the packages that apt knows of now. Made unless there is one; blocks the thread meanwhile.
    ///
    /// - Parameter progress: Told what takes a while.
    package func image(
        of recipe: RuntimeRecipe,
        progress: (String) -> Void = { _ in }
    ) throws(GuestImageError) -> GuestImage {
        let archive = try DebianArchive(directory: "\(directory)/debian")
        let packages = recipe.wanted(try archive.packages(recipe.requested))
        let image = try store.image(for: recipe.key(packages)) { path throws(GuestImageError) in
            progress("unpacking \(packages.count) packages")
            let tree = try RuntimeTree(at: "\(path).d")
            for package in packages { try tree.unpack(package) }
            try tree.finish(recipe)
            progress("making the image")
            try ErofsImage.make(of: "\(path).d", at: path)
        }
        try store.name(image, recipe.runtime)
        return image
    }

    /// The images that have been made and are whole, and for which runtimes.
    package var images: [(recipe: RuntimeRecipe, image: GuestImage)] {
        made.filter { ErofsImage.isWhole($0.image.path) }
    }

    /// The runtimes whose images were made, and are gone or have lost their end since.
    package var runtimesOfDamagedImages: [String] {
        made.filter { !ErofsImage.isWhole($0.image.path) }.map(\.recipe.runtime)
    }

    private var made: [(recipe: RuntimeRecipe, image: GuestImage)] {
        RuntimeRecipe.all.compactMap { recipe in store.image(named: recipe.runtime).map { (recipe, $0) } }
    }
}
