package swiftlet.runtime;

import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * The properties of a class of the function: getters, setters and public fields, or the components of a record. Found
 * out once per class.
 */
final class Bean {
    /** Something that a value can be read from or written to. */
    static final class Property {
        final String name;
        private Member reader;
        private Member writer;
        private Type writtenType;

        Property(String name) {
            this.name = name;
        }

        boolean isReadable() {
            return reader != null;
        }

        /** The generic type of what may be written; `null` for a property that may only be read. */
        Type writtenType() {
            return writtenType;
        }

        Object read(Object bean) throws ReflectiveOperationException {
            return reader instanceof Method ? ((Method) reader).invoke(bean) : ((Field) reader).get(bean);
        }

        void write(Object bean, Object value) throws ReflectiveOperationException {
            if (writer instanceof Method) {
                ((Method) writer).invoke(bean, value);
            } else {
                ((Field) writer).set(bean, value);
            }
        }
    }

    private static final ClassValue<Bean> CACHE = new ClassValue<Bean>() {
        @Override
        protected Bean computeValue(Class<?> type) {
            return new Bean(type);
        }
    };

    final Class<?> type;
    /** By name, in the order of the fields that they belong to; those without a field come last, by their methods' names. */
    private final Map<String, Property> properties = new LinkedHashMap<>();
    /** The same by name in any case, for the names of AWS's events that are no names of beans: `Records`. */
    private final Map<String, Property> writable = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    /** The canonical constructor of a record, whose parameters are its properties; otherwise the one without any. */
    private final Constructor<?> constructor;
    private final boolean isRecord;

    static Bean of(Class<?> type) {
        return CACHE.get(type);
    }

    private Bean(Class<?> type) {
        this.type = type;
        isRecord = type.getSuperclass() != null && type.getSuperclass().getName().equals("java.lang.Record");
        declareFields(type);
        Map<String, Method> loose = new TreeMap<>();
        for (Method method : type.getMethods()) {
            if (!Modifier.isStatic(method.getModifiers()) && !method.isBridge()
                    && method.getDeclaringClass() != Object.class) {
                loose.put(method.getName() + java.util.Arrays.toString(method.getParameterTypes()), method);
            }
        }
        loose.values().forEach(this::declareMethod);
        properties.values().removeIf(property -> property.reader == null && property.writer == null);
        for (Property property : properties.values()) {
            if (property.writer != null) {
                writable.put(property.name, property);
            }
        }
        constructor = isRecord ? canonicalConstructor() : emptyConstructor();
    }

    private void declareFields(Class<?> declaring) {
        if (declaring == null || declaring == Object.class) {
            return;
        }
        declareFields(declaring.getSuperclass());
        for (Field field : declaring.getDeclaredFields()) {
            if (Modifier.isStatic(field.getModifiers()) || field.isSynthetic()) {
                continue;
            }
            Property property = properties.computeIfAbsent(field.getName(), Property::new);
            if (Modifier.isPublic(field.getModifiers()) && !Modifier.isTransient(field.getModifiers())) {
                open(field, declaring);
                property.reader = field;
                if (!Modifier.isFinal(field.getModifiers())) {
                    property.writer = field;
                    property.writtenType = field.getGenericType();
                }
            }
        }
    }

    private void declareMethod(Method method) {
        String name = method.getName();
        Class<?> result = method.getReturnType();
        if (method.getParameterCount() == 0 && result != void.class) {
            if (name.startsWith("get") && name.length() > 3) {
                read(propertyName(name, 3), method);
            } else if (name.startsWith("is") && name.length() > 2 && result == boolean.class) {
                read(propertyName(name, 2), method);
            } else if (isRecord && properties.containsKey(name)) {
                read(name, method);
            }
        } else if (method.getParameterCount() == 1 && name.startsWith("set") && name.length() > 3) {
            Property property = properties.computeIfAbsent(propertyName(name, 3), Property::new);
            // Of several setters the one that takes what the getter gives.
            boolean isBetter = !(property.writer instanceof Method)
                    || property.reader instanceof Method
                    && ((Method) property.reader).getReturnType() == method.getParameterTypes()[0];
            if (isBetter) {
                open(method, method.getDeclaringClass());
                property.writer = method;
                property.writtenType = method.getGenericParameterTypes()[0];
            }
        }
    }

    private void read(String name, Method method) {
        open(method, method.getDeclaringClass());
        properties.computeIfAbsent(name, Property::new).reader = method;
    }

    /** As the JavaBeans specification has it: `getURL` reads `URL`, `getName` reads `name`. */
    private static String propertyName(String method, int prefix) {
        String name = method.substring(prefix);
        if (name.length() > 1 && Character.isUpperCase(name.charAt(0)) && Character.isUpperCase(name.charAt(1))) {
            return name;
        }
        return name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1);
    }

    /** Members of classes that are not public themselves need it; those of Java's own modules may not be opened. */
    private static void open(AnnotatedElement member, Class<?> declaring) {
        if (!Modifier.isPublic(declaring.getModifiers()) && !declaring.getModule().isNamed()) {
            ((java.lang.reflect.AccessibleObject) member).setAccessible(true);
        }
    }

    private Constructor<?> emptyConstructor() {
        if (type.isInterface() || Modifier.isAbstract(type.getModifiers())) {
            return null;
        }
        try {
            Constructor<?> found = type.getDeclaredConstructor();
            if (!type.getModule().isNamed()) {
                found.setAccessible(true);
            }
            return found;
        } catch (NoSuchMethodException e) {
            return null;
        }
    }

    /** Java 11, which this is compiled for, has no word for records. */
    private Constructor<?> canonicalConstructor() {
        Class<?>[] types = recordFields().stream().map(Field::getType).toArray(Class<?>[]::new);
        try {
            Constructor<?> found = type.getDeclaredConstructor(types);
            found.setAccessible(true);
            return found;
        } catch (NoSuchMethodException e) {
            throw new MappingException("record " + type.getName() + " has no canonical constructor", e);
        }
    }

    /** The fields of a record are its components, in their order. */
    private List<Field> recordFields() {
        List<Field> fields = new ArrayList<>();
        for (Field field : type.getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers())) {
                fields.add(field);
            }
        }
        return fields;
    }

    Iterable<Property> properties() {
        return properties.values();
    }

    /** Makes an object of members; `convert` makes the value of a member, given its generic type. */
    Object make(Map<?, ?> members, java.util.function.BiFunction<Object, Type, Object> convert) {
        if (constructor == null) {
            throw new MappingException("cannot make a " + type.getName()
                    + ": it is abstract or has no constructor without parameters");
        }
        try {
            return isRecord ? makeRecord(members, convert) : makeBean(members, convert);
        } catch (InvocationTargetException e) {
            throw new MappingException("failed to make a " + type.getName(), e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new MappingException("failed to make a " + type.getName(), e);
        }
    }

    private Object makeBean(Map<?, ?> members, java.util.function.BiFunction<Object, Type, Object> convert)
            throws ReflectiveOperationException {
        Object bean = constructor.newInstance();
        for (Map.Entry<?, ?> member : members.entrySet()) {
            Property property = properties.get(member.getKey());
            if (property == null || property.writer == null) {
                property = writable.get(member.getKey());
            }
            // Members that the class does not know are no error, as on Lambda.
            if (property != null) {
                property.write(bean, convert.apply(member.getValue(), property.writtenType()));
            }
        }
        return bean;
    }

    private Object makeRecord(Map<?, ?> members, java.util.function.BiFunction<Object, Type, Object> convert)
            throws ReflectiveOperationException {
        List<Object> arguments = new ArrayList<>();
        for (Field field : recordFields()) {
            arguments.add(convert.apply(members.get(field.getName()), field.getGenericType()));
        }
        return constructor.newInstance(arguments.toArray());
    }
}
