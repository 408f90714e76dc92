package swiftlet.runtime;

import java.io.File;
import java.lang.reflect.Field;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The classes of the function: those of its package, then the libraries in it, then those of its layers. */
final class FunctionClasses {
    private FunctionClasses() {}

    static ClassLoader loader(String root, String layers) {
        List<URL> path = new ArrayList<>();
        path.add(url(new File(root)));
        addLibraries(new File(root, "lib"), path);
        addLibraries(new File(layers, "lib"), path);
        // The parent is Java itself, so that the runtime's own classes are out of sight.
        return new URLClassLoader(path.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
    }

    private static void addLibraries(File directory, List<URL> path) {
        File[] libraries = directory.listFiles((parent, name) -> name.endsWith(".jar"));
        if (libraries != null) {
            Arrays.sort(libraries);
            for (File library : libraries) {
                path.add(url(library));
            }
        }
    }

    private static URL url(File file) {
        try {
            return file.toURI().toURL();
        } catch (MalformedURLException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Gives `LambdaRuntime.getLogger()` of the function's library, if it has one, the log. */
    static void installLogger(ClassLoader loader, Log log) {
        try {
            Field logger = Class.forName(InvokeContext.PACKAGE + "LambdaRuntime", true, loader)
                    .getDeclaredField("logger");
            logger.setAccessible(true);
            logger.set(null, InvokeContext.logger(logger.getType(), log));
        } catch (ReflectiveOperationException | LinkageError | RuntimeException e) {
            // A function without the library needs none; one with another version of it logs to the standard output.
        }
    }
}
