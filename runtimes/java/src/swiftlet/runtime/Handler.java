package swiftlet.runtime;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/**
 * The user's handler: `package.Class::method`, or `package.Class` for a class that implements `RequestHandler` or
 * `RequestStreamHandler`. A method takes, in this order and each only if it wants it: the event as a value, or as an
 * `InputStream`; an `OutputStream` for its response; the `Context`.
 */
final class Handler {
    private final Method method;
    private final Object receiver;
    private final Type eventType;

    private Handler(Method method, Object receiver, Class<?> type) {
        this.method = method;
        this.receiver = receiver;
        this.eventType = eventType(method, type);
        if (!Modifier.isPublic(method.getDeclaringClass().getModifiers())) {
            method.setAccessible(true);
        }
    }

    private static Type eventType(Method method, Class<?> type) {
        if (method.getParameterCount() == 0) {
            return Object.class;
        }
        Map<TypeVariable<?>, Type> bindings = Types.bindings(type);
        if (method.isBridge()) {
            // Made by the compiler, without the types that the interface was given.
            for (Map.Entry<TypeVariable<?>, Type> binding : bindings.entrySet()) {
                Object declaration = binding.getKey().getGenericDeclaration();
                boolean isEvent = declaration instanceof Class
                        && ((Class<?>) declaration).getName().equals(InvokeContext.PACKAGE + "RequestHandler")
                        && ((Class<?>) declaration).getTypeParameters()[0].equals(binding.getKey());
                if (isEvent) {
                    return binding.getValue();
                }
            }
        }
        return Types.resolve(method.getGenericParameterTypes()[0], bindings);
    }

    /**
     * Loads and makes the handler.
     *
     * @throws FunctionError one that is fatal where code of the function has failed; any other is for the first invoke
     */
    static Handler load(String name, ClassLoader loader) throws FunctionError {
        String[] parts = name.split("::", -1);
        if (parts.length > 2 || parts[0].isEmpty() || parts[parts.length - 1].isEmpty()) {
            throw FunctionError.handler("Invalid handler: `" + name + "'");
        }
        Class<?> type;
        try {
            type = Class.forName(parts[0], true, loader);
        } catch (ClassNotFoundException e) {
            throw FunctionError.missingClass(parts[0], e);
        } catch (ThreadDeath e) {
            throw e;
        } catch (Throwable e) {
            // A static initialiser is the user's code and may throw anything.
            throw FunctionError.loading(parts[0], e);
        }
        Method method = find(parts.length == 2 ? parts[1] : interfaceMethod(type), type);
        return new Handler(method, Modifier.isStatic(method.getModifiers()) ? null : make(type), type);
    }

    private static String interfaceMethod(Class<?> type) throws FunctionError {
        for (Class<?> ancestor = type; ancestor != null; ancestor = ancestor.getSuperclass()) {
            for (Class<?> implemented : ancestor.getInterfaces()) {
                if (isHandlerInterface(implemented)) {
                    return "handleRequest";
                }
            }
        }
        throw FunctionError.handler("Class does not implement an appropriate handler interface: " + type.getName());
    }

    private static boolean isHandlerInterface(Class<?> type) {
        return type.getName().equals(InvokeContext.PACKAGE + "RequestHandler")
                || type.getName().equals(InvokeContext.PACKAGE + "RequestStreamHandler")
                || Arrays.stream(type.getInterfaces()).anyMatch(Handler::isHandlerInterface);
    }

    private static Method find(String name, Class<?> type) throws FunctionError {
        // Real methods before the compiler's bridges; then the longer signature, in which a context counts twice.
        Comparator<Method> order = Comparator.comparing(Method::isBridge).thenComparing(
                method -> -method.getParameterCount() - (endsWithContext(method.getParameterTypes()) ? 1 : 0));
        Optional<Method> found = Arrays.stream(type.getMethods())
                .filter(method -> method.getName().equals(name) && isCallable(method.getParameterTypes()))
                .min(order);
        return found.orElseThrow(() -> FunctionError.handler("No public method named " + name
                + " with appropriate method signature found on class " + type.getName()));
    }

    private static boolean isCallable(Class<?>[] parameters) {
        int count = parameters.length - (endsWithContext(parameters) ? 1 : 0);
        if (count == 2) {
            return parameters[0] == InputStream.class && parameters[1] == OutputStream.class;
        }
        return count < 2;
    }

    private static boolean endsWithContext(Class<?>[] parameters) {
        return parameters.length > 0 && isContext(parameters[parameters.length - 1]);
    }

    private static boolean isContext(Class<?> type) {
        return type.getName().equals(InvokeContext.NAME);
    }

    private static Object make(Class<?> type) throws FunctionError {
        Constructor<?> constructor;
        try {
            constructor = type.getConstructor();
        } catch (NoSuchMethodException e) {
            boolean isInner = type.getEnclosingClass() != null && !Modifier.isStatic(type.getModifiers());
            throw FunctionError.handler("Class " + type.getName() + (isInner
                    ? " cannot be instantiated because it is a non-static inner class"
                    : " has no public zero-argument constructor"));
        }
        try {
            if (!Modifier.isPublic(type.getModifiers())) {
                constructor.setAccessible(true);
            }
            return constructor.newInstance();
        } catch (InvocationTargetException e) {
            throw FunctionError.atInit(e.getCause());
        } catch (ReflectiveOperationException | ExceptionInInitializerError e) {
            throw FunctionError.atInit(e);
        }
    }

    /**
     * Calls the handler; returns the response's bytes.
     *
     * @param context makes the context, given its interface
     */
    byte[] call(Invoke invoke, Function<Class<?>, Object> context) throws FunctionError {
        Class<?>[] types = method.getParameterTypes();
        Object[] arguments = new Object[types.length];
        ByteArrayOutputStream output = null;
        for (int index = 0; index < types.length; index += 1) {
            if (isContext(types[index])) {
                arguments[index] = context.apply(types[index]);
            } else if (types[index] == InputStream.class) {
                arguments[index] = new ByteArrayInputStream(invoke.body);
            } else if (types[index] == OutputStream.class) {
                output = new ByteArrayOutputStream();
                arguments[index] = output;
            } else {
                arguments[index] = event(invoke, eventType);
            }
        }
        Object result = invoke(arguments);
        return output != null ? output.toByteArray() : response(result);
    }

    private static Object event(Invoke invoke, Type type) throws FunctionError {
        try {
            return Mapper.read(Json.parse(invoke.body), type);
        } catch (RuntimeException | StackOverflowError e) {
            throw FunctionError.thrown(new RuntimeException("An error occurred during JSON parsing", e));
        }
    }

    private Object invoke(Object[] arguments) throws FunctionError {
        try {
            return method.invoke(receiver, arguments);
        } catch (InvocationTargetException e) {
            throw FunctionError.thrown(e.getCause());
        } catch (IllegalAccessException | IllegalArgumentException e) {
            throw FunctionError.thrown(e);
        }
    }

    private static byte[] response(Object result) throws FunctionError {
        try {
            return Writer.write(result).getBytes(StandardCharsets.UTF_8);
        } catch (RuntimeException | StackOverflowError e) {
            throw FunctionError.thrown(new RuntimeException("An error occurred during JSON serialization of response", e));
        }
    }
}
